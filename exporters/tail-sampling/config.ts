/**
 * processors.tail_sampling, in the Collector's spelling (processor/tailsamplingprocessor); `cost`, `score` and `prompt` are
 * policies of our own. A trace is kept when one policy keeps it.
 */
import { z } from 'zod';
import type { ComponentType } from '../../src/config-file/components.js';
import { duration } from '../../src/config-file/duration.js';
import { keyOf } from '../../src/config-file/key.js';
import { decimal, flag, integer, oneOf, text } from '../../src/setting.js';
import { MAX_TIME_MS } from '../config.js';
import { isPattern } from '../processing/patterns.js';

/** What a trace matched is a bit each of one number. */
export const MAX_POLICIES = 30;

const anyNumber = () => decimal(-Number.MAX_VALUE, Number.MAX_VALUE);
const wholeNumber = () => integer(0, Number.MAX_SAFE_INTEGER);

const stringAttribute = z
  .object({
    key: text(),
    values: z.array(z.string()).min(1, 'expected a value'),
    enabledRegexMatching: flag().prefault('false'),
  })
  .refine(({ values, enabledRegexMatching }) => !enabledRegexMatching || values.every(isPattern), {
    path: ['values'],
    error: 'expected regular expressions',
  });

/** What each type of policy says of itself, under its own name. */
const settingsOfType = {
  latency: z.object({ thresholdMs: wholeNumber(), upperThresholdMs: wholeNumber().prefault('0') }),
  statusCode: z.object({ statusCodes: z.array(oneOf(['OK', 'ERROR', 'UNSET'])).min(1, 'expected OK, ERROR or UNSET') }),
  probabilistic: z.object({ samplingPercentage: decimal(0, 100) }),
  stringAttribute,
  numericAttribute: z.object({
    key: text(),
    minValue: anyNumber().prefault(String(-Number.MAX_VALUE)),
    maxValue: anyNumber().prefault(String(Number.MAX_VALUE)),
  }),
  booleanAttribute: z.object({ key: text(), value: flag() }),
  spanCount: z.object({ minSpans: wholeNumber(), maxSpans: wholeNumber().prefault('0') }),
  /** What the calls to models of a trace cost together, or how many tokens they took. */
  cost: z
    .object({ thresholdUsd: decimal(0, 1e9).optional(), thresholdTokens: wholeNumber().optional() })
    .refine(({ thresholdUsd, thresholdTokens }) => (thresholdUsd ?? thresholdTokens) !== undefined, {
      error: 'expected threshold_usd, or threshold_tokens, or both',
    }),
  /** A result of an evaluation (gen_ai.evaluation.result) below that; of that name, when one is given. */
  score: z.object({ below: anyNumber(), name: text().optional() }),
  prompt: z.object({ names: z.array(text()).min(1, 'expected a name') }),
} as const;

type TypeField = keyof typeof settingsOfType;

const TYPE_FIELDS = Object.keys(settingsOfType) as TypeField[];

function optionalSettings() {
  const fields = TYPE_FIELDS.map((field) => [field, settingsOfType[field].optional()]);
  return Object.fromEntries(fields) as { [Field in TypeField]: z.ZodOptional<(typeof settingsOfType)[Field]> };
}

const SIMPLE_TYPES = ['latency', 'status_code', 'probabilistic', 'string_attribute', 'numeric_attribute'].concat([
  'boolean_attribute',
  'span_count',
  'cost',
  'score',
  'prompt',
  'always_sample',
]) as [string, ...string[]];

interface Typed {
  type: string;
  [field: string]: unknown;
}

/** A policy's own settings, and nobody else's. */
function hasItsOwn(policy: Typed, context: z.RefinementCtx): void {
  for (const field of [...TYPE_FIELDS, 'and']) {
    const isOwn = keyOf(field) === policy.type;
    if (isOwn === (policy[field] !== undefined)) continue;
    const message = isOwn
      ? `expected ${keyOf(field)}, with what the policy asks for`
      : `expected no ${keyOf(field)} in a policy of the type ${policy.type}`;
    context.addIssue({ code: 'custom', message, path: isOwn ? [] : [field] });
  }
}

const name = text().optional();
const simplePolicy = z.object({ name, type: oneOf(SIMPLE_TYPES), ...optionalSettings() }).superRefine(hasItsOwn);

const policy = z
  .object({
    name: text(),
    type: oneOf([...SIMPLE_TYPES, 'and'] as [string, ...string[]]),
    ...optionalSettings(),
    and: z.object({ andSubPolicy: z.array(simplePolicy).min(1, 'expected a policy') }).optional(),
  })
  .superRefine(hasItsOwn);

export type SimplePolicy = z.output<typeof simplePolicy>;
export type Policy = z.output<typeof policy>;

function countOf(policies: readonly Policy[]): number {
  return policies.reduce((sum, { and }) => sum + (and?.andSubPolicy.length ?? 1), 0);
}

function areNamedApart(policies: readonly Policy[]): boolean {
  return new Set(policies.map((each) => each.name)).size === policies.length;
}

export const tailSamplingSettings = z.object({
  decisionWait: duration(1, MAX_TIME_MS).prefault('30s'),
  /** Traces that wait for their verdict; with one more, the oldest has it early. */
  numTraces: integer(1, 10_000_000).prefault('50000'),
  /** Verdicts that are remembered for spans that come late: their sum, for all are of one size. */
  decisionCache: z
    .object({
      sampledCacheSize: integer(1, 50_000_000).prefault('250000'),
      nonSampledCacheSize: integer(1, 50_000_000).prefault('250000'),
    })
    .prefault({}),
  policies: z
    .array(policy)
    .min(1, 'expected a policy')
    .refine(areNamedApart, 'expected a name of its own for each policy')
    .refine((policies) => countOf(policies) <= MAX_POLICIES, `expected at most ${MAX_POLICIES} policies`),
});

export type TailSamplingConfig = z.output<typeof tailSamplingSettings>;

export const TAIL_SAMPLING = 'tail_sampling';

export const tailSamplingComponentTypes = {
  [TAIL_SAMPLING]: { settings: tailSamplingSettings, readsAhead: true },
} as const satisfies Record<string, ComponentType>;
