/** What processors do to the payloads of one signal: plain data, as it goes to a thread. */

export type Step = FilterStep | SampleStep | AttributesStep;

interface Named {
  /** The id of the processor, as what is left out is counted by. */
  processor: string;
}

export interface FilterStep extends Named {
  kind: 'filter';
  /** Only what matches goes on. */
  include?: Match | undefined;
  /** What matches goes no further. */
  exclude?: Match | undefined;
}

/** All of what is said must hold; of a list one. */
export interface Match {
  /** Whether names and values are regular expressions. */
  isPattern: boolean;
  workspaces?: readonly string[] | undefined;
  /** service.name of the resource. */
  services?: readonly string[] | undefined;
  /** Of scopes. */
  scopes?: readonly string[] | undefined;
  /** Of spans, or of metrics. */
  names?: readonly string[] | undefined;
  /** Status codes of spans: 0 unset, 1 ok, 2 error. */
  statuses?: readonly number[] | undefined;
  /** Of log records; those without one match when `matchUndefined` says so. */
  severity?: { min: number; matchUndefined: boolean } | undefined;
  severityTexts?: readonly string[] | undefined;
  /** Of log records: texts, and other scalars as text. A list, a map or no body matches none. */
  bodies?: readonly string[] | undefined;
  /** Each of them must hold. */
  attributes?: readonly AttributeMatch[] | undefined;
  resourceAttributes?: readonly AttributeMatch[] | undefined;
  scopeAttributes?: readonly AttributeMatch[] | undefined;
}

export interface AttributeMatch {
  key: string;
  /** One of them; without any, that the attribute is there. */
  values: readonly string[] | undefined;
}

export interface SampleStep extends Named {
  kind: 'sample';
  percentage: number;
  precision: number;
}

export const ATTRIBUTE_CONTEXTS = ['resource', 'scope', 'span', 'event', 'link', 'log', 'datapoint'] as const;
export type AttributeContext = (typeof ATTRIBUTE_CONTEXTS)[number];

export interface AttributesStep extends Named {
  kind: 'attributes';
  /** By default all but those of the resource and the scope; what is not there yet is added to items alone, then. */
  contexts?: readonly AttributeContext[] | undefined;
  actions: readonly AttributeAction[];
  /** Of HMAC-SHA-256; without one it is SHA-256, which whoever knows the values can undo. */
  salt?: string | undefined;
}

/** insert: where it is not there; update: where it is; upsert: in any case. */
export const SETTING_ACTIONS = ['insert', 'update', 'upsert'] as const;
export type SettingAction = (typeof SETTING_ACTIONS)[number];

export interface AttributeAction {
  action: 'delete' | 'hash' | 'rename' | SettingAction;
  /** One of both; a pattern is for delete and hash. */
  key?: string | undefined;
  pattern?: string | undefined;
  /** Of rename. */
  to?: string | undefined;
  /** Of insert, update and upsert, one of both; of an attribute that is not there nothing comes. */
  value?: LiteralValue | undefined;
  fromAttribute?: string | undefined;
}

export type LiteralValue = string | number | boolean;
