/** Answers against the schemas of the served document, which has them as JSON Schema. */

export type Schema = Record<string, unknown>;
export type Schemas = Readonly<Record<string, Schema>>;

/** Of the document's `components`. Throws for a reference that leads nowhere. */
function resolve(schemas: Schemas, schema: Schema): Schema {
  const reference = schema.$ref as string | undefined;
  if (reference === undefined) return schema;
  const found = schemas[reference.replace('#/components/schemas/', '')];
  if (found === undefined) throw new Error(`${reference} leads nowhere`);
  return found;
}

/** Enough of JSON Schema for what the document uses; an unknown member of a closed object is an error too. */
export function faults(schemas: Schemas, given: Schema, value: unknown, at = '$'): string[] {
  const schema = resolve(schemas, given);
  const alternatives = (schema.anyOf ?? schema.oneOf) as Schema[] | undefined;
  if (alternatives) {
    const fits = alternatives.some((each) => faults(schemas, each, value, at).length === 0);
    return fits ? [] : [`${at}: no alternative fits`];
  }
  const types = [schema.type ?? []].flat() as string[];
  if (types.length > 0 && !types.some((type) => isOfType(type, value))) return [`${at}: not ${types.join(' or ')}`];
  if (schema.enum && !(schema.enum as unknown[]).includes(value)) return [`${at}: not one of the enum`];
  if ('const' in schema && schema.const !== value) return [`${at}: not ${String(schema.const)}`];
  if (typeof schema.pattern === 'string' && !new RegExp(schema.pattern).test(String(value))) return [`${at}: pattern`];
  if (typeof value === 'number') return isInRange(schema, value) ? [] : [`${at}: out of range`];
  if (Array.isArray(value)) {
    const items = (schema.items as Schema) ?? {};
    return value.flatMap((each, i) => faults(schemas, items, each, `${at}[${i}]`));
  }
  if (typeof value !== 'object' || value === null) return [];
  return objectFaults(schemas, schema, value as Record<string, unknown>, at);
}

function isOfType(type: string, value: unknown): boolean {
  if (type === 'null') return value === null;
  if (type === 'array') return Array.isArray(value);
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value);
  return typeof value === type;
}

function isInRange({ minimum = -Infinity, maximum = Infinity }: Schema, value: number): boolean {
  return value >= (minimum as number) && value <= (maximum as number);
}

function objectFaults(schemas: Schemas, schema: Schema, value: Record<string, unknown>, at: string): string[] {
  const properties = (schema.properties ?? {}) as Record<string, Schema>;
  const missing = ((schema.required ?? []) as string[]).filter((name) => !(name in value));
  const members = Object.entries(value).flatMap(([name, member]) => {
    if (properties[name]) return faults(schemas, properties[name], member, `${at}.${name}`);
    if (schema.additionalProperties === false) return [`${at}.${name}: not documented`];
    return faults(schemas, (schema.additionalProperties ?? {}) as Schema, member, `${at}.${name}`);
  });
  return [...missing.map((name) => `${at}.${name}: missing`), ...members];
}
