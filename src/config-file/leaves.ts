/** The values of a map by their dotted path, for settings that are known by name. */
import type { Findings } from './findings.js';
import { suggestion } from './nearest.js';
import { type ConfigNode, isNothing, KIND_NAMES, type MapNode } from './node.js';

export interface Leaf {
  /** Whole: buffer.max_bytes. */
  path: string;
  place: string;
  /** As it would stand in the environment: a list's items between commas. Undefined when nothing is said. */
  text: string | undefined;
}

export interface LeavesSource {
  node: MapNode;
  /** What stands before the names: buffer. */
  path: string;
  /** Dotted, below that path. */
  known: readonly string[];
  findings: Findings;
}

/** By their names below the path; a key that leads to none of them is a fault. */
export function readLeaves({ node, path, known, findings }: LeavesSource): Map<string, Leaf> {
  const leaves = new Map<string, Leaf>();
  const visit = (map: MapNode, prefix: string) => {
    for (const [key, { place, value }] of map.entries) {
      const name = prefix + key;
      if (known.includes(name)) readLeaf(name, value);
      else if (known.some((each) => each.startsWith(`${name}.`))) visitMap(name, value);
      else findings.fault(`${path}.${name} (${place}) is not a setting${suggestion(key, nextWords(known, prefix))}`);
    }
  };
  const visitMap = (name: string, value: ConfigNode) => {
    if (value.kind === 'map') visit(value, `${name}.`);
    else if (!isNothing(value)) findings.fault(`${path}.${name} (${value.place}): expected a map`);
  };
  const readLeaf = (name: string, value: ConfigNode) => {
    const leaf = { path: `${path}.${name}`, place: value.place, text: textOf(value) };
    if (value.kind === 'map') findings.fault(`${leaf.path} (${leaf.place}): expected a value, found a map`);
    else if (!isFlat(value)) findings.fault(`${leaf.path} (${leaf.place}): expected a list of words without commas`);
    else leaves.set(name, leaf);
  };
  visit(node, '');
  return leaves;
}

function nextWords(known: readonly string[], prefix: string): string[] {
  const below = known.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  return [...new Set(below.map((name) => name.split('.')[0]!))];
}

function isFlat(node: ConfigNode): boolean {
  return node.kind !== 'list' || node.items.every((item) => item.kind === 'scalar' && !item.text.includes(','));
}

function textOf(node: ConfigNode): string | undefined {
  if (node.kind === 'scalar') return node.text.trim() || undefined;
  if (node.kind === 'list')
    return node.items.map((item) => (item.kind === 'scalar' ? item.text : '')).join(',') || undefined;
  return undefined;
}

/** The map at a key; an empty one where nothing is said. */
export function mapAt(parent: MapNode, key: string, path: string, findings: Findings): MapNode | undefined {
  const entry = parent.entries.get(key);
  if (!entry || isNothing(entry.value)) return undefined;
  if (entry.value.kind === 'map') return entry.value;
  findings.fault(`${path} (${entry.value.place}): expected a map, found ${KIND_NAMES[entry.value.kind]}`);
  return undefined;
}
