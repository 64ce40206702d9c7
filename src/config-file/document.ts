/** A YAML file to nodes: anchors and << resolved, variables put in, every value with its line. */
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parse,
  parseDocument,
  type Scalar,
  type YAMLMap,
} from 'yaml';
import { expandText, type Surroundings } from './expansion.js';
import type { Findings } from './findings.js';
import { type ConfigNode, type Entry, emptyMap, isNothing, type MapNode, type ScalarNode } from './node.js';

export interface DocumentSource {
  /** As messages name the file. */
  name: string;
  text: string;
  surroundings: Surroundings;
  findings: Findings;
}

/** Aliases of aliases grow without end; no configuration has as many values. */
const MAX_NODES = 100_000;
const MAX_DEPTH = 100;

class TooLarge extends Error {}

class Reader {
  private nodes = 0;

  constructor(
    private readonly source: DocumentSource,
    private readonly document: Document.Parsed,
    private readonly lines: LineCounter,
  ) {}

  place(offset: number | undefined): string {
    return `${this.source.name}:${this.lines.linePos(offset ?? 0).line}`;
  }

  read(node: Node | null | undefined, place: string, depth: number): ConfigNode {
    if (++this.nodes > MAX_NODES || depth > MAX_DEPTH) throw new TooLarge();
    if (!node) return nothing(place);
    const here = node.range ? this.place(node.range[0]) : place;
    if (isAlias(node)) return this.alias(node, here, depth);
    if (isMap(node)) return this.map(node as YAMLMap<Node, Node | null>, here, depth);
    if (isSeq(node)) {
      const items = (node.items as Node[]).map((item) => this.read(item, here, depth + 1));
      return { kind: 'list', place: here, items };
    }
    return this.scalar(node as Scalar, here, depth);
  }

  private alias(node: Alias, place: string, depth: number): ConfigNode {
    const target = node.resolve(this.document) as Node | undefined;
    if (!target) this.source.findings.fault(`${place}: *${node.source} stands for nothing that came before`);
    return this.read(target, place, depth + 1);
  }

  private map(node: YAMLMap<Node, Node | null>, place: string, depth: number): MapNode {
    const entries = new Map<string, Entry>();
    const merged: MapNode[] = [];
    for (const pair of node.items) this.pair(pair, place, depth, entries, merged);
    for (const { entries: more } of merged)
      for (const [key, entry] of more) if (!entries.has(key)) entries.set(key, entry);
    return { kind: 'map', place, entries };
  }

  private pair(
    pair: Pair<Node, Node | null>,
    place: string,
    depth: number,
    entries: Map<string, Entry>,
    merged: MapNode[],
  ): void {
    const at = pair.key?.range ? this.place(pair.key.range[0]) : place;
    if (!isScalar(pair.key)) {
      this.source.findings.fault(`${at}: a key must be a word`);
      return;
    }
    const value = this.read(pair.value, at, depth + 1);
    const key = textOf(pair.key);
    if (key !== '<<') entries.set(key, { place: at, value });
    else merged.push(...(value.kind === 'list' ? value.items : [value]).filter((each) => each.kind === 'map'));
  }

  private scalar(node: Scalar, place: string, depth: number): ConfigNode {
    const written = textOf(node);
    if (!written.includes('$'))
      return { kind: 'scalar', place, text: written, value: node.value as ScalarNode['value'] };
    const { text, expanded, whole, faults, warnings } = expandText(written, this.source.surroundings);
    for (const fault of faults) this.source.findings.fault(`${place}: ${fault}`);
    for (const warning of warnings) this.source.findings.warn(`${place}: ${warning}`);
    // A word in quotes with a variable within it is text; a variable alone may stand for anything.
    if (!expanded || (node.type !== 'PLAIN' && !whole)) return { kind: 'scalar', place, text, value: text };
    return this.retyped(text, place, depth);
  }

  /** What a variable stands for is YAML itself: a number, true, or a list. */
  private retyped(text: string, place: string, depth: number): ConfigNode {
    const document = parseDocument(text, { prettyErrors: false });
    if (document.errors.length > 0) return { kind: 'scalar', place, text, value: text };
    if (isMap(document.contents) || isSeq(document.contents)) return this.nested(document, place, depth);
    const value = parse(text, { prettyErrors: false }) as ScalarNode['value'];
    return { kind: 'scalar', place, text, value };
  }

  /** Variables within the value of a variable stay as they are. */
  private nested(document: Document.Parsed, place: string, depth: number): ConfigNode {
    const toNode = (value: unknown): ConfigNode => {
      if (Array.isArray(value)) return { kind: 'list', place, items: value.map(toNode) };
      if (typeof value !== 'object' || value === null) {
        const scalar = value as ScalarNode['value'];
        return { kind: 'scalar', place, text: String(scalar ?? ''), value: scalar };
      }
      const entries = Object.entries(value).map(([key, each]) => [key, { place, value: toNode(each) }] as const);
      return { kind: 'map', place, entries: new Map(entries) };
    };
    if (depth > MAX_DEPTH) throw new TooLarge();
    return toNode(document.toJS({ maxAliasCount: 100 }));
  }
}

/** Plain words as they stand in the file, those in quotes without them. */
function textOf(node: Scalar): string {
  if (node.type === 'PLAIN' && node.source !== undefined) return node.value === null ? '' : node.source.trim();
  return String(node.value ?? '');
}

function nothing(place: string): ScalarNode {
  return { kind: 'scalar', place, text: '', value: null };
}

/** The file's map; empty, and a fault told, where it is none. */
export function readDocument(source: DocumentSource): MapNode {
  const lines = new LineCounter();
  // Without the excerpts that pretty messages have: the lines around a fault may hold secrets.
  const document = parseDocument(source.text, { lineCounter: lines, prettyErrors: false });
  const reader = new Reader(source, document, lines);
  const start = `${source.name}:1`;
  for (const { pos, message } of document.errors) source.findings.fault(`${reader.place(pos[0])}: ${message}`);
  for (const { pos, message } of document.warnings) source.findings.warn(`${reader.place(pos[0])}: ${message}`);
  if (document.errors.length > 0) return emptyMap(start);
  const root = readBounded(reader, document.contents, source);
  if (root.kind === 'map') return root;
  if (!isNothing(root)) source.findings.fault(`${root.place}: a configuration is a map`);
  return emptyMap(start);
}

function readBounded(reader: Reader, contents: Node | null, { name, findings }: DocumentSource): ConfigNode {
  try {
    return reader.read(contents, `${name}:1`, 0);
  } catch (error) {
    if (!(error instanceof TooLarge)) throw error;
    findings.fault(`${name}: has more than ${MAX_NODES} values, or deeper than ${MAX_DEPTH}`);
    return emptyMap(`${name}:1`);
  }
}
