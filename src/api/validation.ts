/** Turns zod's issues into the messages that clients of this API know, all of one request at once. */
import type { FastifySchemaCompiler } from 'fastify';
import { z } from 'zod';
import { GatewayError } from '../errors.js';

type Issue = z.core.$ZodIssue;

const TYPES: Readonly<Record<string, string>> = {
  int: 'must be an integer',
  number: 'must be a number',
  nan: 'must be a number',
  string: 'must be a string',
  boolean: 'must be a boolean',
  array: 'must be an array',
  object: 'must be of type object',
  record: 'must be of type object',
};

function tooSmall(issue: z.core.$ZodIssueTooSmall): string {
  if (issue.origin === 'string') {
    return issue.minimum === 1
      ? 'is not allowed to be empty'
      : `length must be at least ${issue.minimum} characters long`;
  }
  if (issue.origin === 'array') return `must contain at least ${issue.minimum} items`;
  return issue.inclusive === false
    ? `must be greater than ${issue.minimum}`
    : `must be greater than or equal to ${issue.minimum}`;
}

function tooBig(issue: z.core.$ZodIssueTooBig): string {
  if (issue.origin === 'string') return `length must be less than or equal to ${issue.maximum} characters long`;
  if (issue.origin === 'array') return `must contain less than or equal to ${issue.maximum} items`;
  return issue.inclusive === false
    ? `must be less than ${issue.maximum}`
    : `must be less than or equal to ${issue.maximum}`;
}

function predicate(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is required' : (TYPES[issue.expected] ?? `must be a ${issue.expected}`);
    case 'too_small':
      return tooSmall(issue);
    case 'too_big':
      return tooBig(issue);
    case 'invalid_value':
      return `must be one of [${issue.values.join(', ')}]`;
    case 'invalid_union':
      return 'does not match any of the allowed types';
    default:
      return issue.message;
  }
}

/** A custom issue with these params is told in its own words: `metadata cannot contain more than 50 keys`. */
export const SENTENCE = { sentence: true } as const;

function isSentence(issue: Issue): boolean {
  return issue.code === 'custom' && issue.params?.sentence === true;
}

/**
 * `"page" must be greater than or equal to 1`. The messages written in our schemas start where the name ends.
 * `item`: which one of several, as in `"[3].name" is required`.
 */
export function fieldMessages(issues: readonly Issue[], item?: string): string[] {
  const within = item === undefined ? '' : `${item}.`;
  return issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => `"${within}${[...issue.path, key].join('.')}" is not allowed`);
    if (isSentence(issue)) return [`${within}${issue.message}`];
    const label = issue.path.length === 0 ? (item ?? 'value') : `${within}${issue.path.join('.')}`;
    return [`"${label}" ${predicate(issue)}`];
  });
}

function invalidParameter(issue: Issue): GatewayError {
  // Numbers are IDs in the words of this API, GUIDs go by their parameter's name.
  const name = issue.path[0] === 'id' ? 'ID' : String(issue.path[0]);
  return new GatewayError('BAD_REQUEST', `Invalid ${name} parameter: ${String(issue.input)}`);
}

export function validationError(messages: string[]): GatewayError {
  return new GatewayError('VALIDATION_FAILED', 'Validation failed', { details: { fields: messages } });
}

/** Parts of a path are text: a schema that asks for nothing else finds nothing. */
function isTextAlone(schema: z.ZodType): boolean {
  const isText = (field: z.core.$ZodType) => field instanceof z.ZodString && (field.def.checks ?? []).length === 0;
  return schema instanceof z.ZodObject && Object.values<z.core.$ZodType>(schema.shape).every(isText);
}

/** A bad part of the path is a bad request; a bad query or body is listed field by field. */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  if (httpPart === 'params' && isTextAlone(schema)) return (data: unknown) => ({ value: data });
  return (data: unknown) => {
    const result = schema.safeParse(data, { reportInput: true });
    if (result.success) return { value: result.data };
    const { issues } = result.error;
    return { error: httpPart === 'params' ? invalidParameter(issues[0]!) : validationError(fieldMessages(issues)) };
  };
};
