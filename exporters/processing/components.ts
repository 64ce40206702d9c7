/**
 * Processors of configuration files, in the Collector's spelling where it has one (filterprocessor's include and exclude,
 * attributesprocessor, resourceprocessor, probabilisticsamplerprocessor).
 */
import { z } from 'zod';
import { SIGNALS, type Signal } from '../../src/component.js';
import type { ComponentType, ConfiguredComponent } from '../../src/config-file/components.js';
import { decimal, flag, integer, oneOf, type SettingMeta, text } from '../../src/setting.js';
import { agreedBefore, type DefinedExporters, leadsTo } from '../components.js';
import { isPattern } from './patterns.js';
import { ATTRIBUTE_CONTEXTS, type Match, SETTING_ACTIONS, type Step } from './steps.js';

// ---- filter ----

const texts = () => z.array(z.string()).min(1, 'expected a list of words').optional();

const attribute = z
  .object({ key: text(), value: z.string().optional(), values: texts() })
  .refine(({ value, values }) => value === undefined || values === undefined, 'expected value or values');

const attributes = () => z.array(attribute).min(1, 'expected attributes').optional();

const common = {
  matchType: oneOf(['strict', 'regexp']).prefault('strict'),
  workspaces: texts(),
  services: texts(),
  scopes: texts(),
  attributes: attributes(),
  resourceAttributes: attributes(),
  scopeAttributes: attributes(),
};

const STATUS_CODES = ['UNSET', 'OK', 'ERROR'] as const;
const SEVERITIES = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
const SEVERITY = /^(TRACE|DEBUG|INFO|WARN|ERROR|FATAL)([2-4])?$/i;

/** WARN2, or 14. */
function severity() {
  return z.string().transform((given, context) => {
    const number = severityNumberOf(given);
    if (number !== undefined) return number;
    context.addIssue({ code: 'custom', message: 'expected TRACE, DEBUG, INFO, WARN, ERROR or FATAL, or 1 to 24' });
    return z.NEVER;
  });
}

function severityNumberOf(given: string): number | undefined {
  const [, name, step = '1'] = SEVERITY.exec(given) ?? [];
  if (name !== undefined) return SEVERITIES.indexOf(name.toUpperCase()) * 4 + Number(step);
  return /^\d+$/.test(given) && Number(given) >= 1 && Number(given) <= 24 ? Number(given) : undefined;
}

const spanMatch = z.object({
  ...common,
  spanNames: texts(),
  statusCodes: z
    .array(oneOf([...STATUS_CODES]))
    .min(1, 'expected UNSET, OK or ERROR')
    .optional(),
});
const logMatch = z.object({
  ...common,
  bodies: texts(),
  severityTexts: texts(),
  severityNumber: z.object({ min: severity(), matchUndefined: flag().prefault('false') }).optional(),
});
const metricMatch = z.object({ ...common, metricNames: texts() });

type Given = Partial<z.output<typeof spanMatch> & z.output<typeof logMatch> & z.output<typeof metricMatch>>;

function patternsOf(given: Given): string[] {
  const lists = [given.attributes, given.resourceAttributes, given.scopeAttributes].flatMap((list) => list ?? []);
  const values = lists.flatMap(({ value, values = [] }) => (value === undefined ? values : [value]));
  return [given.services, given.scopes, given.spanNames, given.metricNames, given.severityTexts, given.bodies]
    .flatMap((list) => list ?? [])
    .concat(values);
}

function hasPatterns(given: Given): boolean {
  return given.matchType !== 'regexp' || patternsOf(given).every(isPattern);
}

function saysSomething({ matchType: _, ...conditions }: Given): boolean {
  return Object.values(conditions).some((condition) => condition !== undefined);
}

function sides<Block extends z.ZodType<Given>>(block: Block) {
  const checked = block
    .refine(hasPatterns, 'expected regular expressions, for match_type is regexp')
    .refine(saysSomething, 'expected what to match');
  return z
    .object({ include: checked.optional(), exclude: checked.optional() })
    .refine(({ include, exclude }) => (include ?? exclude) !== undefined, 'expected include, or exclude, or both')
    .optional();
}

const filterSettings = z
  .object({ spans: sides(spanMatch), logs: sides(logMatch), metrics: sides(metricMatch) })
  .refine(({ spans, logs, metrics }) => (spans ?? logs ?? metrics) !== undefined, 'expected spans, logs or metrics');

// ---- attributes ----

function sets({ action: act }: { action: string }): boolean {
  return SETTING_ACTIONS.some((one) => one === act);
}

const action = z
  .object({
    key: text().optional(),
    pattern: z.string().refine(isPattern, 'expected a regular expression').optional(),
    action: oneOf(['delete', 'hash', 'rename', ...SETTING_ACTIONS]),
    to: text().optional(),
    value: z.union([z.string(), z.number(), z.boolean()]).optional(),
    fromAttribute: text().optional(),
  })
  .refine(({ key, pattern }) => (key === undefined) !== (pattern === undefined), 'expected key or pattern')
  .refine(({ action: act, key, to }) => act !== 'rename' || (key !== undefined && to !== undefined), {
    error: 'expected key and to, which is what it is renamed to',
  })
  .refine(({ action: act, to }) => act === 'rename' || to === undefined, 'expected to in a rename alone')
  .refine((given) => !sets(given) || given.key !== undefined, 'expected key, which is what it is called')
  .refine((given) => !sets(given) || (given.value === undefined) !== (given.fromAttribute === undefined), {
    error: 'expected value or from_attribute',
  })
  .refine((given) => sets(given) || (given.value ?? given.fromAttribute) === undefined, {
    error: 'expected value and from_attribute in insert, update and upsert alone',
  });

const actions = () => z.array(action).min(1, 'expected actions');
const salt = text()
  .optional()
  .meta({ secret: true } satisfies Partial<SettingMeta>);

const attributesSettings = z.object({
  actions: actions(),
  contexts: z
    .array(oneOf([...ATTRIBUTE_CONTEXTS]))
    .min(1, 'expected contexts')
    .optional(),
  salt,
});
/** The Collector's key. */
const resourceSettings = z.object({ attributes: actions(), salt });

// ---- sampling ----

const samplerSettings = z.object({
  samplingPercentage: decimal(0, 100),
  /** Hex digits of the threshold that matter. */
  samplingPrecision: integer(1, 14).prefault('4'),
});

export const processorComponentTypes = {
  filter: { settings: filterSettings },
  attributes: { settings: attributesSettings },
  resource: { settings: resourceSettings },
  probabilistic_sampler: { settings: samplerSettings },
} as const satisfies Record<string, ComponentType>;

type Type = keyof typeof processorComponentTypes;
type Settings<Of extends Type> = z.output<(typeof processorComponentTypes)[Of]['settings']>;

// ---- as steps ----

function attributeMatches(given: Given['attributes']): Match['attributes'] {
  return given?.map(({ key, value, values }) => ({ key, values: value === undefined ? values : [value] }));
}

function matchOf(given: Given | undefined): Match | undefined {
  return (
    given && {
      isPattern: given.matchType === 'regexp',
      workspaces: given.workspaces,
      services: given.services,
      scopes: given.scopes,
      names: given.spanNames ?? given.metricNames,
      statuses: given.statusCodes?.map((code) => STATUS_CODES.indexOf(code)),
      severity: given.severityNumber,
      severityTexts: given.severityTexts,
      bodies: given.bodies,
      attributes: attributeMatches(given.attributes),
      resourceAttributes: attributeMatches(given.resourceAttributes),
      scopeAttributes: attributeMatches(given.scopeAttributes),
    }
  );
}

function filterStep(processor: string, settings: Settings<'filter'>, signal: Signal): Step[] {
  const block = { traces: settings.spans, logs: settings.logs, metrics: settings.metrics }[signal];
  if (block === undefined) return [];
  return [{ kind: 'filter', processor, include: matchOf(block.include), exclude: matchOf(block.exclude) }];
}

/** None where it has nothing to do with that signal. */
function stepsOf({ id: processor, type, settings }: ConfiguredComponent, signal: Signal): Step[] {
  switch (type as Type) {
    case 'filter':
      return filterStep(processor, settings as Settings<'filter'>, signal);
    case 'attributes':
      return [{ kind: 'attributes', processor, ...(settings as Settings<'attributes'>) }];
    case 'resource': {
      const { attributes: acts, salt: secret } = settings as Settings<'resource'>;
      return [{ kind: 'attributes', processor, contexts: ['resource'], actions: acts, salt: secret }];
    }
    case 'probabilistic_sampler': {
      const { samplingPercentage: percentage, samplingPrecision: precision } =
        settings as Settings<'probabilistic_sampler'>;
      return signal === 'metrics' ? [] : [{ kind: 'sample', processor, percentage, precision }];
    }
  }
}

export type Steps = Partial<Record<Signal, readonly Step[]>>;

/** By signal, in the order of the pipeline. Throws CONFIG_INVALID. */
export function stepsFromFiles(exporter: string, { processors: all = [], pipelines }: DefinedExporters): Steps {
  const own = all.filter(({ type }) => Object.hasOwn(processorComponentTypes, type));
  const steps = SIGNALS.map((signal) => {
    const processors = agreedBefore({ exporter, signal }, pipelines, { own, what: 'processors' });
    return [signal, processors.flatMap((processor) => stepsOf(processor, signal))];
  });
  return Object.fromEntries(steps) as Steps;
}

/** Whether a file says what goes to the exporter of that name. */
export function isLedTo(exporter: string, { pipelines }: DefinedExporters): boolean {
  return pipelines.some((pipeline) => leadsTo(pipeline, exporter));
}
