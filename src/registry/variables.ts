/** Values for the variables of a prompt, as they are declared: of their type, with their defaults, none missing. */
import { GatewayError } from '../errors.js';
import type { Prompt } from './prompt.js';

/** Values by the names of variables. */
export type Variables = Readonly<Record<string, unknown>>;
export type Declarations = NonNullable<Prompt['variables']>;
type Type = Declarations[string]['type'];

const MUST_BE: Readonly<Record<Type, string>> = {
  string: 'a string',
  number: 'a number',
  boolean: 'a boolean',
  array: 'an array',
  object: 'an object',
};

function isOf(type: Type, value: unknown): boolean {
  if (type === 'array') return Array.isArray(value);
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value);
  return typeof value === type;
}

/** Variables that are not declared pass as they are. Throws VALIDATION_FAILED, which names each that is missing or wrong. */
export function settle(declared: Declarations, given: Variables): Variables {
  const faults: string[] = [];
  const settled = Object.entries(declared).flatMap(([name, declaration]) => {
    const isGiven = Object.hasOwn(given, name);
    const value = isGiven ? given[name] : declaration.default;
    if (isGiven || value !== undefined) {
      if (!isOf(declaration.type, value)) faults.push(wrong(name, declaration.type, isGiven));
      return [[name, value] as const];
    }
    if (declaration.required) faults.push(`"variables.${name}" is required`);
    return [];
  });
  if (faults.length > 0)
    throw new GatewayError('VALIDATION_FAILED', 'Validation failed', { details: { fields: faults } });
  return { ...given, ...Object.fromEntries(settled) };
}

function wrong(name: string, type: Type, isGiven: boolean): string {
  const label = isGiven ? `"variables.${name}"` : `the default of "variables.${name}"`;
  return `${label} must be ${MUST_BE[type]}`;
}
