/** The settings of one component: a node of the file, read as its zod schema asks for it. */
import { z } from 'zod';
import type { SettingMeta } from '../setting.js';
import { withoutPassword } from '../url-user.js';
import type { Findings } from './findings.js';
import { keyOf } from './key.js';
import { suggestion } from './nearest.js';
import { type ConfigNode, isNothing, KIND_NAMES, plain } from './node.js';

export interface SettingsSource {
  node: ConfigNode;
  schema: z.ZodObject;
  /** exporters.otlp/tempo */
  path: string;
  findings: Findings;
}

export interface ParsedSettings {
  settings: unknown;
  /** As they were given, by the fields of the schema. */
  input: unknown;
  /** Where each given value stands, by the path of its fields. */
  places: ReadonlyMap<string, string>;
}

type AnySchema = z.core.$ZodType;

/** What the schema takes: without defaults, and before its transformations. */
export function inputSchema(schema: AnySchema): AnySchema {
  const { def } = schema._zod as unknown as { def: Record<string, AnySchema> & { type: string } };
  switch (def.type as string) {
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'readonly':
    case 'catch':
    case 'nonoptional':
      return inputSchema(def.innerType!);
    case 'pipe':
      // z.preprocess is a pipe that begins with the transformation.
      return inputSchema(kindOf(def.in!) === 'transform' ? def.out! : def.in!);
    case 'lazy':
      return inputSchema((def as unknown as { getter(): AnySchema }).getter());
    default:
      return schema;
  }
}

export function kindOf(schema: AnySchema): string {
  return schema._zod.def.type;
}

/** A setting whose value is not shown, whatever wraps it. */
export function isSecret(schema: AnySchema): boolean {
  const { def } = schema._zod as unknown as { def: { innerType?: AnySchema; in?: AnySchema } };
  const meta = z.globalRegistry.get(schema as z.ZodType) as Partial<SettingMeta> | undefined;
  const inner = def.innerType ?? def.in;
  return meta?.secret === true || (inner !== undefined && isSecret(inner));
}

export function pathKey(path: readonly PropertyKey[]): string {
  return JSON.stringify(path.map(String));
}

class InputReader {
  readonly places = new Map<string, string>();
  /** How messages name a path of fields. */
  readonly names = new Map<string, string>();
  readonly secrets = new Set<string>();

  constructor(private readonly findings: Findings) {}

  /** As data that the schema parses; keys that it doesn't know are told here. */
  read(node: ConfigNode, schema: AnySchema, fields: string[], name: string, hidden: boolean): unknown {
    const key = pathKey(fields);
    this.places.set(key, node.place);
    this.names.set(key, name);
    if (hidden || isSecret(schema)) this.secrets.add(key);
    const next = { secret: this.secrets.has(key), fields, name };
    const wanted = this.choose(inputSchema(schema), node);
    switch (kindOf(wanted)) {
      case 'object':
        return this.object(node, wanted as z.ZodObject, next);
      case 'record':
        return this.record(node, wanted as z.ZodRecord, next);
      case 'array':
        return this.array(node, wanted as z.ZodArray, next);
      case 'string':
      case 'enum':
        return textOf(node);
      default:
        return isNothing(node) ? undefined : plain(node);
    }
  }

  /** Of a union, what goes with what the file has. */
  private choose(schema: AnySchema, node: ConfigNode): AnySchema {
    if (kindOf(schema) !== 'union') return schema;
    const options = (schema as z.ZodUnion).options.map(inputSchema);
    const of = (...kinds: string[]) => options.find((option) => kinds.includes(kindOf(option)));
    if (node.kind === 'map') return of('object', 'record') ?? schema;
    if (node.kind === 'list') return of('array', 'tuple') ?? schema;
    return typeof node.value === 'string' || !of('number', 'int', 'boolean', 'bigint')
      ? (of('string', 'enum') ?? schema)
      : schema;
  }

  private object(node: ConfigNode, schema: z.ZodObject, at: At): unknown {
    if (isNothing(node)) return {};
    if (node.kind !== 'map') return this.mismatch(node, 'a map', at);
    const fields = new Map(Object.keys(schema.shape).map((field) => [keyOf(field), field]));
    const read: Record<string, unknown> = {};
    for (const [key, { place, value }] of node.entries) {
      const field = fields.get(key);
      const name = `${at.name}.${key}`;
      if (field === undefined) {
        this.findings.fault(`${name} (${place}) is not a setting${suggestion(key, [...fields.keys()])}`);
      } else if (!isNothing(value) || kindOf(inputSchema(schema.shape[field]!)) === 'object') {
        read[field] = this.read(value, schema.shape[field]!, [...at.fields, field], name, at.secret);
      }
    }
    return read;
  }

  private record(node: ConfigNode, schema: z.ZodRecord, at: At): unknown {
    if (isNothing(node)) return {};
    if (node.kind !== 'map') return this.mismatch(node, 'a map', at);
    const entries = [...node.entries].map(([key, { value }]) => [
      key,
      this.read(value, schema.valueType, [...at.fields, key], `${at.name}.${key}`, at.secret),
    ]);
    return Object.fromEntries(entries);
  }

  private array(node: ConfigNode, schema: z.ZodArray, at: At): unknown {
    if (isNothing(node)) return [];
    if (node.kind !== 'list') return this.mismatch(node, 'a list', at);
    return node.items.map((item, index) =>
      this.read(item, schema.element, [...at.fields, String(index)], `${at.name}[${index}]`, at.secret),
    );
  }

  private mismatch(node: ConfigNode, expected: string, { name }: At): undefined {
    this.findings.fault(`${name} (${node.place}): expected ${expected}, found ${KIND_NAMES[node.kind]}`);
    return undefined;
  }
}

interface At {
  fields: string[];
  name: string;
  secret: boolean;
}

/** 0123 stays 0123 where text is asked for. A list's items come between commas, as lists come from the environment. */
function textOf(node: ConfigNode): unknown {
  if (node.kind === 'scalar') return node.text === '' ? (node.value === '' ? '' : undefined) : node.text;
  if (node.kind === 'list' && node.items.every((item) => item.kind === 'scalar')) {
    return node.items.map((item) => (item.kind === 'scalar' ? item.text : '')).join(',');
  }
  return plain(node);
}

/** Undefined when there are faults; they are told. */
export function parseSettings({ node, schema, path, findings }: SettingsSource): ParsedSettings | undefined {
  const reader = new InputReader(findings);
  const faultsBefore = findings.faults.length;
  const input = reader.read(node, schema, [], path, false);
  const parsed = findings.faults.length === faultsBefore ? schema.safeParse(input) : undefined;
  for (const issue of parsed?.error?.issues ?? []) findings.fault(describe(issue, reader, input));
  return parsed?.success ? { settings: parsed.data, input, places: reader.places } : undefined;
}

function describe(issue: z.core.$ZodIssue, { places, names, secrets }: InputReader, input: unknown): string {
  const given = [...issue.path];
  while (!places.has(pathKey(given))) given.pop();
  const key = pathKey(given);
  const rest = issue.path.slice(given.length).map((field) => `.${keyOf(String(field))}`);
  const name = names.get(key)! + rest.join('');
  const value = given.reduce<unknown>((at, field) => (at as Record<PropertyKey, unknown> | undefined)?.[field], input);
  const missing = rest.length > 0 && issue.code === 'invalid_type';
  if (missing) return `${name} (${places.get(key)}) is missing`;
  const shown =
    typeof value === 'object' || value === undefined ? '' : `=${secrets.has(key) ? HIDDEN : shownValue(value)}`;
  return `${name}${rest.length > 0 ? '' : shown} (${places.get(key)}): ${messageOf(issue)}`;
}

const HIDDEN = '(hidden)';

function shownValue(value: unknown): string {
  return JSON.stringify(typeof value === 'string' ? withoutPassword(value, HIDDEN) : value);
}

/** Of a record's key that is none, what its own schema says. */
function messageOf(issue: z.core.$ZodIssue): string {
  return (issue.code === 'invalid_key' && issue.issues[0]?.message) || issue.message;
}
