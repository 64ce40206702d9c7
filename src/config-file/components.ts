/** Components of a file: `type[/name]`, each with the settings that its type declares. */
import type { z } from 'zod';
import type { Findings } from './findings.js';
import { suggestion } from './nearest.js';
import { emptyMap, isNothing, type MapNode } from './node.js';
import { type ParsedSettings, parseSettings } from './settings.js';

/** What may stand below `receivers`, `processors`, `exporters` or `extensions`. */
export interface ComponentType {
  settings: z.ZodObject;
  /** Names that the Collector has, or had, for the same. */
  aliases?: readonly string[];
  /** A processor that sees what was received, whatever stands before it: nothing else may stand before it, then. */
  readsAhead?: true;
}

export interface ComponentKind {
  /** The top-level key. */
  key: 'receivers' | 'processors' | 'exporters' | 'extensions';
  types: Readonly<Record<string, ComponentType>>;
  /** Types of the Collector that the gateway has no use for, and what it has instead. */
  instead?: Readonly<Record<string, string>>;
}

export interface ConfiguredComponent<Settings = unknown> {
  /** As it stands in the file: otlp/tempo. */
  id: string;
  /** The name that the registry has for it. */
  type: string;
  settings: Settings;
}

/** With what is needed to print it. */
export interface ReadComponent extends ConfiguredComponent {
  place: string;
  parsed: ParsedSettings;
}

/** OpenTelemetry Collector, component/identifiable.go. */
const ID = /^([a-zA-Z][0-9a-zA-Z_]{0,62})(?:\/([^\s/].{0,1023}))?$/;

export function typeOf(id: string): string | undefined {
  return ID.exec(id)?.[1];
}

function findType(name: string, types: ComponentKind['types']): string | undefined {
  if (Object.hasOwn(types, name)) return name;
  return Object.keys(types).find((type) => types[type]!.aliases?.includes(name));
}

/** Whether the component of that id is of a type that reads ahead. */
export function readsAhead(id: string, { types }: ComponentKind): boolean {
  const type = findType(typeOf(id) ?? '', types);
  return type !== undefined && types[type]!.readsAhead === true;
}

function unknownType(name: string, { key, types, instead }: ComponentKind): string {
  if (instead && Object.hasOwn(instead, name)) return `is not needed here: ${instead[name]}`;
  const known = Object.keys(types);
  const have = known.length === 0 ? `there are no ${key} to be had` : `the ${key} are: ${known.join(', ')}`;
  return `is of no known type${suggestion(name, known) || `; ${have}`}`;
}

/** Those that are sound; the faults of the others are told. */
export function readComponents(map: MapNode | undefined, kind: ComponentKind, findings: Findings): ReadComponent[] {
  return [...(map?.entries ?? [])].flatMap(([id, { place, value }]) => {
    const path = `${kind.key}.${id}`;
    const name = typeOf(id);
    if (name === undefined) return findings.fault(`${path} (${place}): expected type or type/name`) ?? [];
    const type = findType(name, kind.types);
    if (type === undefined) return findings.fault(`${path} (${place}) ${unknownType(name, kind)}`) ?? [];
    const node = isNothing(value) ? emptyMap(place) : value;
    const parsed = parseSettings({ node, schema: kind.types[type]!.settings, path, findings });
    return parsed ? [{ id, type, settings: parsed.settings, place, parsed }] : [];
  });
}
