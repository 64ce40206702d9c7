import path from 'node:path';
import protobuf from 'protobufjs';
import { expect, it } from 'vitest';
import { type Field, messages } from '../../src/otlp/schema.js';

const root = new protobuf.Root().loadSync(
  ['trace-service', 'logs-service', 'metrics-service'].map((name) => path.resolve('proto/otlp', `${name}.proto`)),
  { keepCase: true },
);

function describe(field: Field): string {
  return `${field.name} ${field.number} ${field.message?.name ?? field.kind}${field.repeated ? '[]' : ''}`;
}

function kindOf(field: protobuf.Field): string {
  field.resolve();
  if (field.resolvedType instanceof protobuf.Enum) return 'enum';
  if (field.resolvedType) return field.resolvedType.name;
  return /(trace|span)_id$/.test(field.name) ? 'id' : field.type;
}

it.each(messages.map((message) => [message.name, message] as const))(
  'the table disagrees with the definition of %s',
  (name, message) => {
    const definition = root.lookupType(name);
    const defined = definition.fieldsArray.map(
      (field) => `${field.name} ${field.id} ${kindOf(field)}${field.repeated ? '[]' : ''}`,
    );
    expect(message.fields.map(describe).sort()).toEqual(defined.sort());
  },
);

it('the table gives an enum value another number', () => {
  for (const field of messages.flatMap(({ fields }) => fields)) {
    if (!field.values) continue;
    const type = [...field.values.keys()][0]!.replace('_UNSPECIFIED', '').replace('_UNSET', '');
    const name = type.toLowerCase().replace(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase());
    expect(Object.fromEntries(field.values)).toEqual(root.lookupEnum(name).values);
  }
});
