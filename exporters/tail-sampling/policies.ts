/**
 * Policies as what they ask: conditions on one span or log record, noted as bits while these pass by, and questions about
 * the trace as a whole, answered when its time has come.
 */
import type { Generation } from '../../src/model/generation.js';
import { attributesOf, JsonObject, parseAttributes, parseJson, type TypedValue } from '../../src/model/json-value.js';
import type { LogRecord, Resource, Span } from '../../src/model/telemetry.js';
import { bounded, compilePattern } from '../processing/patterns.js';
import { thresholdOf } from '../processing/sampling.js';
import type { Policy, SimplePolicy } from './config.js';
import type { TraceSummary } from './trace-summary.js';

const EVALUATION_EVENT = 'gen_ai.evaluation.result';
const EVALUATION_NAME = 'gen_ai.evaluation.name';
const EVALUATION_SCORE = 'gen_ai.evaluation.score.value';

const STATUS_CODES = { UNSET: 0, OK: 1, ERROR: 2 } as const;
const PICODOLLARS = 1e12;
const NANO_PER_MS = 1e6;
/** Hex digits of the threshold, as the head sampler has them without being told otherwise. */
const SHARE_PRECISION = 4;

/** Conditions on one item; absent: no item of that kind fulfils it. */
interface Condition {
  span?(span: Span): boolean;
  logRecord?(record: LogRecord): boolean;
  /** Regular expressions: asked about all spans of a request at once, within bounds. */
  hasPatterns?: boolean;
}

type Question = (trace: TraceSummary) => boolean;

export interface Needs {
  /** What spans tell of calls to models (`Span.generation`). */
  generations: boolean;
  /** Log records, for what they tell of a trace. */
  logs: boolean;
}

export class Policies {
  readonly needs: Needs = { generations: false, logs: false };
  readonly #conditions: Condition[] = [];
  readonly #questions: { name: string; question: Question }[];

  constructor(policies: readonly Policy[]) {
    this.#questions = policies.map((policy) => ({ name: policy.name, question: this.#questionOf(policy) }));
  }

  /**
   * What `noteSpan` is told of each span. Patterns that take too long become members of `slow`, and match nothing: a value
   * that somebody sends must not hold the thread up for ever.
   */
  matchPatterns(spans: readonly Span[], slow: Set<string>): readonly number[] {
    const indices = this.#conditions.flatMap(({ hasPatterns }, index) => (hasPatterns ? [index] : []));
    if (indices.length === 0) return [];
    const bitsOf = (span: Span) =>
      indices.reduce((bits, index) => (this.#conditions[index]!.span?.(span) ? bits | (1 << index) : bits), 0);
    const matched = bounded(() => spans.map(bitsOf), undefined, slow);
    for (const pattern of matched.slow) slow.add(pattern);
    return matched.result;
  }

  noteSpan(trace: TraceSummary, span: Span, matchedPatterns = 0): void {
    trace.matched |= matchedPatterns;
    for (let index = 0; index < this.#conditions.length; index++) {
      const bit = 1 << index;
      const condition = this.#conditions[index]!;
      if ((trace.matched & bit) === 0 && !condition.hasPatterns && condition.span?.(span)) trace.matched |= bit;
    }
  }

  noteLogRecord(trace: TraceSummary, record: LogRecord): void {
    for (let index = 0; index < this.#conditions.length; index++) {
      const bit = 1 << index;
      if ((trace.matched & bit) === 0 && this.#conditions[index]!.logRecord?.(record)) trace.matched |= bit;
    }
  }

  /** Names of the policies that keep the trace; without one it is dropped. */
  keeping(trace: TraceSummary): string[] {
    return this.#questions.filter(({ question }) => question(trace)).map(({ name }) => name);
  }

  #questionOf(policy: Policy): Question {
    if (policy.and === undefined) return this.#simpleQuestionOf(policy);
    const all = policy.and.andSubPolicy.map((sub) => this.#simpleQuestionOf(sub));
    return (trace) => all.every((question) => question(trace));
  }

  #simpleQuestionOf(policy: SimplePolicy): Question {
    if (policy.latency) return latencyQuestion(policy.latency);
    if (policy.probabilistic) return shareQuestion(policy.probabilistic.samplingPercentage);
    if (policy.spanCount) return spanCountQuestion(policy.spanCount);
    if (policy.cost) return this.#costQuestion(policy.cost);
    const condition = conditionOf(policy);
    if (condition === undefined) return () => true;
    this.needs.logs ||= condition.logRecord !== undefined;
    this.needs.generations ||= policy.prompt !== undefined;
    const bit = 1 << (this.#conditions.push(condition) - 1);
    return ({ matched }) => (matched & bit) !== 0;
  }

  #costQuestion({ thresholdUsd, thresholdTokens }: NonNullable<SimplePolicy['cost']>): Question {
    this.needs.generations = true;
    const picodollars = thresholdUsd === undefined ? undefined : BigInt(Math.round(thresholdUsd * PICODOLLARS));
    return (trace) =>
      (picodollars !== undefined && trace.picodollars >= picodollars) ||
      (thresholdTokens !== undefined && trace.tokens >= thresholdTokens);
  }
}

/** As the Collector compares: at least the threshold, or, with an upper one, more than it and at most that. */
function latencyQuestion({ thresholdMs, upperThresholdMs }: NonNullable<SimplePolicy['latency']>): Question {
  return ({ startTimeUnixNano, endTimeUnixNano }) => {
    const durationMs = Math.floor(Number(endTimeUnixNano - startTimeUnixNano) / NANO_PER_MS);
    if (upperThresholdMs === 0) return durationMs >= thresholdMs;
    return durationMs > thresholdMs && durationMs <= upperThresholdMs;
  };
}

function spanCountQuestion({ minSpans, maxSpans }: NonNullable<SimplePolicy['spanCount']>): Question {
  return ({ spans }) => spans >= minSpans && (maxSpans === 0 || spans <= maxSpans);
}

/** The traces that the head sampler keeps, with the same percentage. */
function shareQuestion(percentage: number): Question {
  const threshold = thresholdOf(percentage, SHARE_PRECISION);
  if (threshold === undefined) return () => false;
  const rejected = BigInt(`0x${threshold}`);
  return ({ randomness }) => randomness >= rejected;
}

function conditionOf(policy: SimplePolicy): Condition | undefined {
  if (policy.statusCode) return statusCondition(policy.statusCode.statusCodes as (keyof typeof STATUS_CODES)[]);
  if (policy.stringAttribute) return stringCondition(policy.stringAttribute);
  if (policy.numericAttribute) return numericCondition(policy.numericAttribute);
  if (policy.booleanAttribute) return booleanCondition(policy.booleanAttribute);
  if (policy.score) return scoreCondition(policy.score);
  if (policy.prompt) return promptCondition(policy.prompt.names);
  return undefined;
}

function statusCondition(names: readonly (keyof typeof STATUS_CODES)[]): Condition {
  const codes: readonly number[] = names.map((name) => STATUS_CODES[name]);
  return { span: ({ statusCode }) => codes.includes(statusCode) };
}

function stringCondition({ key, values, enabledRegexMatching }: NonNullable<SimplePolicy['stringAttribute']>) {
  const patterns = enabledRegexMatching ? values.map(compilePattern) : [];
  const isOne = (text: string) =>
    enabledRegexMatching ? patterns.some((matches) => matches(text)) : values.includes(text);
  const condition = attributeCondition(key, (value) => value.kind === 'string' && isOne(value.value));
  return { ...condition, hasPatterns: enabledRegexMatching };
}

function numericCondition({ key, minValue, maxValue }: NonNullable<SimplePolicy['numericAttribute']>): Condition {
  return attributeCondition(key, (value) => {
    const number = numberOf(value);
    return number !== undefined && number >= minValue && number <= maxValue;
  });
}

function booleanCondition({ key, value: wanted }: NonNullable<SimplePolicy['booleanAttribute']>): Condition {
  return attributeCondition(key, (value) => value.kind === 'bool' && value.value === wanted);
}

/** Of the span, or of its resource. */
function attributeCondition(key: string, test: (value: TypedValue) => boolean): Condition {
  const sign = `${JSON.stringify(key)}:`;
  const ofResource = new WeakMap<Resource, boolean>();
  const isIn = (attributes: string) => attributes.includes(sign) && valuesOf(attributes, key).some(test);
  const isInResource = (resource: Resource) => {
    const known = ofResource.get(resource) ?? isIn(resource.attributes);
    ofResource.set(resource, known);
    return known;
  };
  return { span: ({ attributes, resource }) => isInResource(resource) || isIn(attributes) };
}

function promptCondition(names: readonly string[]): Condition {
  const isNamed = (generation: Generation | undefined) =>
    generation !== undefined && names.includes(generation.promptName);
  return { span: ({ generation }) => isNamed(generation), logRecord: ({ generation }) => isNamed(generation) };
}

/** OpenTelemetry has results of evaluations as events: log records, or, before, events of the span itself. */
function scoreCondition({ below, name }: NonNullable<SimplePolicy['score']>): Condition {
  const isLow = (attributes: readonly [string, TypedValue][]) => {
    const value = (wanted: string) => attributes.find(([key]) => key === wanted)?.[1];
    const score = numberOf(value(EVALUATION_SCORE));
    const of = value(EVALUATION_NAME);
    const isMeant = name === undefined || (of?.kind === 'string' && of.value === name);
    return score !== undefined && score < below && isMeant;
  };
  const mentions = (text: string) => text.includes(EVALUATION_SCORE);
  return {
    span: ({ attributes, events }) =>
      (mentions(attributes) && isLow(parseAttributes(attributes))) ||
      (mentions(events) && attributesOfEvents(events).some(isLow)),
    logRecord: ({ eventName, attributes }) =>
      mentions(attributes) && isEvaluation(eventName, attributes) && isLow(parseAttributes(attributes)),
  };
}

/** The name of an event stood in an attribute before log records had a field for it. */
function isEvaluation(eventName: string, attributes: string): boolean {
  if (eventName !== '') return eventName === EVALUATION_EVENT;
  return valuesOf(attributes, 'event.name').some(
    (value) => value.kind === 'string' && value.value === EVALUATION_EVENT,
  );
}

function attributesOfEvents(events: string): [string, TypedValue][][] {
  const parsed = parseJson(events);
  if (!Array.isArray(parsed)) return [];
  return parsed.flatMap((event) =>
    event instanceof JsonObject && event.get('name') === EVALUATION_EVENT
      ? [attributesOf(event.get('attributes'))]
      : [],
  );
}

function valuesOf(attributes: string, key: string): TypedValue[] {
  return parseAttributes(attributes).flatMap(([name, value]) => (name === key ? [value] : []));
}

function numberOf(value: TypedValue | undefined): number | undefined {
  if (value?.kind === 'int') return Number(value.value);
  return value?.kind === 'double' && Number.isFinite(value.value) ? value.value : undefined;
}
