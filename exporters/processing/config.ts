/** What goes to the exporters that variables name, all of them alike; files say it for each by processors. */
import { z } from 'zod';
import { SIGNALS, type Signal } from '../../src/component.js';
import { decimal, list, type SettingMeta, text } from '../../src/setting.js';
import type { Steps } from './components.js';
import { ATTRIBUTE_CONTEXTS, type AttributeAction, type Step } from './steps.js';

function signals() {
  return list().refine(
    (given) => given.length > 0 && given.every((each) => SIGNALS.some((signal) => signal === each)),
    'expected traces, logs, metrics, or some of them',
  );
}

export const choosingSettings = z.object({
  signals: signals()
    .prefault(SIGNALS.join(','))
    .meta({
      env: 'EXPORTER_SIGNALS',
      description: 'What the exporters that variables name send on: traces, logs, metrics, or some of them',
    } satisfies SettingMeta),
  workspaces: list()
    .optional()
    .meta({
      env: 'EXPORTER_WORKSPACES',
      description: 'Workspaces whose data they send on; all of them by default',
    } satisfies SettingMeta),
  samplingPercent: decimal(0, 100)
    .prefault('100')
    .meta({
      env: 'EXPORTER_SAMPLING_PERCENT',
      description: 'Percent of the traces that they send on, chosen by trace id, with their log records',
    } satisfies SettingMeta),
  dropAttributes: list()
    .optional()
    .meta({
      env: 'EXPORTER_DROP_ATTRIBUTES',
      description: 'Attributes that they leave out, wherever these stand',
    } satisfies SettingMeta),
  hashAttributes: list()
    .optional()
    .meta({
      env: 'EXPORTER_HASH_ATTRIBUTES',
      description: 'Attributes whose values they replace by their hash',
    } satisfies SettingMeta),
  hashSalt: text()
    .optional()
    .meta({
      env: 'EXPORTER_HASH_SALT',
      description: 'Secret of these hashes (HMAC-SHA-256); without one whoever guesses a value recognises it',
      secret: true,
    } satisfies SettingMeta),
});

export type ChoosingConfig = Readonly<z.output<typeof choosingSettings>>;

const SAMPLING_PRECISION = 4;

function actionsOf({ dropAttributes = [], hashAttributes = [] }: ChoosingConfig): AttributeAction[] {
  return [
    ...dropAttributes.map((key) => ({ action: 'delete', key }) as const),
    ...hashAttributes.map((key) => ({ action: 'hash', key }) as const),
  ];
}

function stepsOf(config: ChoosingConfig, signal: Signal): Step[] {
  const { workspaces = [], samplingPercent: percentage, hashSalt: salt } = config;
  const actions = actionsOf(config);
  const steps: Step[] = [];
  if (workspaces.length > 0) {
    steps.push({ kind: 'filter', processor: 'EXPORTER_WORKSPACES', include: { isPattern: false, workspaces } });
  }
  if (percentage < 100 && signal !== 'metrics') {
    const processor = 'EXPORTER_SAMPLING_PERCENT';
    steps.push({ kind: 'sample', processor, percentage, precision: SAMPLING_PRECISION });
  }
  if (actions.length > 0) {
    const processor = 'EXPORTER_DROP_ATTRIBUTES';
    steps.push({ kind: 'attributes', processor, contexts: ATTRIBUTE_CONTEXTS, actions, salt });
  }
  return steps;
}

export function stepsFromVariables(config: ChoosingConfig): Steps {
  return Object.fromEntries(SIGNALS.map((signal) => [signal, stepsOf(config, signal)])) as Steps;
}
