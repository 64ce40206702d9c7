/** Which items go on. */
import type { Attributes } from './attribute.js';
import type { Item } from './item.js';
import { compilePattern } from './patterns.js';
import type { AttributeMatch, FilterStep, Match } from './steps.js';

type Condition = (item: Item) => boolean;
type IsOne = (text: string) => boolean;

function oneOf(texts: readonly string[], isPattern: boolean): IsOne {
  if (!isPattern) return (text) => texts.includes(text);
  const patterns = texts.map(compilePattern);
  return (text) => patterns.some((matches) => matches(text));
}

function hasAll(matches: readonly AttributeMatch[], isPattern: boolean): (attributes: Attributes) => boolean {
  const tests = matches.map(({ key, values }) => ({
    key: Buffer.from(key),
    isOne: values && oneOf(values, isPattern),
  }));
  return (attributes) =>
    tests.every(({ key, isOne }) => {
      const value = attributes.get(key);
      return isOne === undefined ? attributes.has(key) : value !== undefined && isOne(value);
    });
}

/** The cheap ones first. */
function conditionsOf({ isPattern, ...match }: Match): Condition[] {
  const conditions: Condition[] = [];
  const add = <Wanted>(wanted: Wanted | undefined, make: (wanted: Wanted) => Condition) => {
    if (wanted !== undefined) conditions.push(make(wanted));
  };
  const oneOfNames = (texts: readonly string[]) => oneOf(texts, isPattern);
  add(
    match.workspaces,
    (ids) =>
      ({ around }) =>
        ids.includes(around.workspace),
  );
  add(
    match.statuses,
    (codes) =>
      ({ statusCode }) =>
        codes.includes(statusCode),
  );
  add(match.severity, ({ min, matchUndefined }) => ({ severityNumber }) => {
    return severityNumber === 0 ? matchUndefined : severityNumber >= min;
  });
  add(
    match.names && oneOfNames(match.names),
    (isOne) =>
      ({ name }) =>
        isOne(name),
  );
  add(match.severityTexts && oneOfNames(match.severityTexts), (isOne) => ({ severityText }) => {
    return isOne(severityText);
  });
  add(
    match.scopes && oneOfNames(match.scopes),
    (isOne) =>
      ({ around }) =>
        isOne(around.scopeName),
  );
  add(
    match.services && hasAll([{ key: 'service.name', values: match.services }], isPattern),
    (holds) =>
      ({ around }) => {
        return holds(around.resourceAttributes);
      },
  );
  add(match.resourceAttributes && hasAll(match.resourceAttributes, isPattern), (holds) => ({ around }) => {
    return holds(around.resourceAttributes);
  });
  add(match.scopeAttributes && hasAll(match.scopeAttributes, isPattern), (holds) => ({ around }) => {
    return holds(around.scopeAttributes);
  });
  add(
    match.attributes && hasAll(match.attributes, isPattern),
    (holds) =>
      ({ attributes }) =>
        holds(attributes),
  );
  add(
    match.bodies && oneOfNames(match.bodies),
    (isOne) =>
      ({ body }) =>
        body !== undefined && isOne(body),
  );
  return conditions;
}

function matcher(match: Match | undefined): Condition | undefined {
  const conditions = match && conditionsOf(match);
  return conditions && ((item) => conditions.every((holds) => holds(item)));
}

export function compileFilter({ include, exclude }: FilterStep): (item: Item) => boolean {
  const isIncluded = matcher(include);
  const isExcluded = matcher(exclude);
  return (item) => (isIncluded?.(item) ?? true) && !(isExcluded?.(item) ?? false);
}
