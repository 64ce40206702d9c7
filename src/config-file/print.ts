/** The effective configuration as YAML that could be read again, each value with where it came from; secrets hidden. */
import { Document, isScalar, type Pair, parse, type Scalar, YAMLMap, YAMLSeq } from 'yaml';
import type { z } from 'zod';
import { withoutPassword } from '../url-user.js';
import type { ReadComponent } from './components.js';
import { keyOf } from './key.js';
import type { ReadPipeline } from './pipelines.js';
import { inputSchema, isSecret, kindOf, pathKey } from './settings.js';

/** A setting of the gateway's own, as it holds. */
export interface EffectiveSetting {
  /** Keys down to it: buffer, max_bytes. A variable alone for what files can't say. */
  path: readonly string[];
  /** As it would stand in the environment; undefined when it is not set. */
  text: string | undefined;
  /** gateway.yaml:3, .env:2, environment, default or not set. */
  place: string;
  secret: boolean;
}

export interface PrintedConfig {
  settings: readonly EffectiveSetting[];
  components: Readonly<Record<string, readonly ReadComponent[]>>;
  /** By the top-level key, the schema of a component's type. */
  schemaOf(kind: string, type: string): z.ZodObject;
  pipelines: readonly ReadPipeline[];
}

/** What the Collector prints for its opaque values. */
export const REDACTED = '[REDACTED]';

/** A number stands as a number where reading it again gives the same text. */
function yamlValue(text: string): unknown {
  try {
    const value: unknown = parse(text);
    return typeof value !== 'object' && String(value) === text ? value : text;
  } catch {
    return text;
  }
}

/** {}: what within it has a default is not told, as it is not given. */
function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

/** Where text is asked for, a number may stand without quotes. */
function shown(value: unknown, schema: z.core.$ZodType | undefined): unknown {
  const isText = schema !== undefined && kindOf(inputSchema(schema)) === 'string';
  return isText && typeof value === 'string' ? yamlValue(value) : value;
}

class Printer {
  readonly document = new Document({});

  scalar(value: unknown, place: string): Scalar {
    // What is read again is expanded again.
    const written = typeof value === 'string' ? withoutPassword(value, REDACTED).replaceAll('$', '$$$$') : value;
    const scalar = this.document.createNode(written) as Scalar;
    scalar.comment = ` ${place}`;
    return scalar;
  }

  put(path: readonly string[], value: unknown): void {
    this.document.setIn(path, value);
  }

  setting({ path, text, place, secret }: EffectiveSetting): void {
    if (text === undefined) this.put(path, this.scalar(null, place));
    else this.put(path, this.scalar(secret ? REDACTED : yamlValue(text), place));
  }

  /** What only a variable can say, where one does. */
  variables(settings: readonly EffectiveSetting[]): void {
    const said = settings.filter(({ text }) => text !== undefined);
    if (said.length === 0) return;
    const lines = said.map(
      ({ path, text, place, secret }) =>
        ` ${path[0]}=${secret ? REDACTED : withoutPassword(text!, REDACTED)} (${place})`,
    );
    this.document.comment = [' Variables that have no place in a file:', ...lines].join('\n');
  }

  component(kind: string, { id, parsed, place }: ReadComponent, schema: z.ZodObject): void {
    const value = this.given(parsed.input, schema, [], parsed.places, place, false);
    this.put([kind, id], value);
  }

  /** As it was given, and the defaults of what was not. */
  private given(
    input: unknown,
    schema: z.core.$ZodType | undefined,
    fields: readonly string[],
    places: ReadonlyMap<string, string>,
    place: string,
    hidden: boolean,
  ): unknown {
    const secret = hidden || (schema !== undefined && isSecret(schema));
    const here = places.get(pathKey(fields)) ?? place;
    if (Array.isArray(input)) {
      const items = new YAMLSeq();
      const element = childSchema(schema, '0');
      items.items = input.map((item, at) => this.given(item, element, [...fields, String(at)], places, here, secret));
      return items;
    }
    if (typeof input !== 'object' || input === null) return this.scalar(secret ? REDACTED : shown(input, schema), here);
    const map = new YAMLMap();
    const target = schema && inputSchema(schema);
    const isObject = target !== undefined && kindOf(target) === 'object';
    for (const [field, value] of Object.entries(input)) {
      const child = childSchema(schema, field);
      const printed = this.given(value, child, [...fields, field], places, here, secret);
      map.add(this.document.createPair(isObject ? keyOf(field) : field, printed) as Pair);
    }
    if (isObject) this.addDefaults(map, target as z.ZodObject, input);
    return map;
  }

  private addDefaults(map: YAMLMap, schema: z.ZodObject, input: object): void {
    for (const [field, type] of Object.entries(schema.shape)) {
      if (field in input) continue;
      const value = defaultOf(type);
      if (value !== undefined && !isEmpty(value))
        map.add(this.document.createPair(keyOf(field), this.defaultNode(shown(value, type))) as Pair);
    }
  }

  private defaultNode(value: unknown): unknown {
    const node = this.document.createNode(value);
    if (isScalar(node)) return this.scalar(value, 'default');
    (node as YAMLMap).comment = ' default';
    return node;
  }

  pipeline({ id, place, places, receivers, processors, exporters }: ReadPipeline): void {
    for (const [stage, ids] of Object.entries({ receivers, processors, exporters })) {
      if (ids.length === 0) continue;
      const list = this.document.createNode(ids) as YAMLSeq;
      list.flow = true;
      list.comment = ` ${places[stage as keyof typeof places] ?? place}`;
      this.put(['service', 'pipelines', id, stage], list);
    }
  }
}

function childSchema(schema: z.core.$ZodType | undefined, field: string): z.core.$ZodType | undefined {
  const target = schema && inputSchema(schema);
  if (!target) return undefined;
  if (kindOf(target) === 'object') return (target as z.ZodObject).shape[field];
  if (kindOf(target) === 'record') return (target as z.ZodRecord).valueType;
  return kindOf(target) === 'array' ? (target as z.ZodArray).element : undefined;
}

/** As it would be given; undefined without one. */
function defaultOf(schema: z.core.$ZodType): unknown {
  const { def } = schema._zod as unknown as {
    def: { type: string; defaultValue?: unknown; innerType?: z.core.$ZodType };
  };
  if (def.type === 'prefault' || def.type === 'default') return def.defaultValue;
  return def.innerType ? defaultOf(def.innerType) : undefined;
}

export function printConfig({ settings, components, schemaOf, pipelines }: PrintedConfig): string {
  const printer = new Printer();
  for (const setting of settings.filter(({ path }) => path.length > 1)) printer.setting(setting);
  printer.variables(settings.filter(({ path }) => path.length === 1));
  for (const [kind, listed] of Object.entries(components)) {
    for (const component of listed) printer.component(kind, component, schemaOf(kind, component.type));
  }
  for (const pipeline of pipelines) printer.pipeline(pipeline);
  return printer.document.toString({ lineWidth: 0 });
}
