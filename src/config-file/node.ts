/** A configuration file as it was read: values, each with where it stands. */

export interface ScalarNode {
  kind: 'scalar';
  /** gateway.yaml:12 */
  place: string;
  /** As it was written, variables put in: 0123 stays 0123. Empty for null. */
  text: string;
  /** As YAML 1.2 (core schema) has it. */
  value: string | number | bigint | boolean | null;
}

export interface ListNode {
  kind: 'list';
  place: string;
  items: ConfigNode[];
}

export interface MapNode {
  kind: 'map';
  place: string;
  entries: Map<string, Entry>;
}

export type ConfigNode = ScalarNode | ListNode | MapNode;

export interface Entry {
  /** Of the key. */
  place: string;
  value: ConfigNode;
}

export function emptyMap(place: string): MapNode {
  return { kind: 'map', place, entries: new Map() };
}

/** An empty value, ~ or null: nothing is said. */
export function isNothing(node: ConfigNode): boolean {
  return node.kind === 'scalar' && node.text === '' && (node.value === null || node.value === '');
}

/** Maps merge; anything else of the later file, a list too, replaces what the earlier one had. As in the Collector. */
export function merge(earlier: ConfigNode, later: ConfigNode): ConfigNode {
  if (earlier.kind !== 'map' || later.kind !== 'map') return later;
  const entries = new Map(earlier.entries);
  for (const [key, entry] of later.entries) {
    const before = entries.get(key);
    entries.set(key, before ? { place: entry.place, value: merge(before.value, entry.value) } : entry);
  }
  return { ...later, entries };
}

/** How messages name what was found. */
export const KIND_NAMES = { scalar: 'a value', list: 'a list', map: 'a map' } as const;

/** As plain data, for a schema to judge. */
export function plain(node: ConfigNode): unknown {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(plain);
  return Object.fromEntries([...node.entries].map(([key, { value }]) => [key, plain(value)]));
}
