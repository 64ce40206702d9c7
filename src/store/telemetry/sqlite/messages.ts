/** What crosses between the main thread and the reading threads: plain data, both ways. */
import type { UnreadableBlock } from './catalog.js';
import type { Failure } from './failures.js';

export const READ_OPERATIONS = [
  'listTraces',
  'listLogs',
  'listMetricPoints',
  'readPoints',
  'spansAt',
  'listSpans',
  'listGenerations',
  'getGeneration',
  'listSessions',
  'getSession',
  'listSessionTraces',
  'listUsers',
  'getUser',
  'readUsage',
  'storedBytes',
  'appliedRanges',
  'ping',
] as const;
export type ReadOperation = (typeof READ_OPERATIONS)[number];

export interface ReadTask {
  directory: string;
  /** How long a list may look for its page. */
  pageBudgetMs?: number | undefined;
  query: unknown;
}

/** Of one trace or one span. */
export type PointRead =
  | { operation: 'getTrace'; workspace: string; traceId: Uint8Array }
  | { operation: 'getSpan'; workspace: string; traceId: Uint8Array; spanId: Uint8Array };

export type PointAnswer = { value: unknown } | { failure: Failure };

/** An error loses its class on its way between threads, so it goes as a result. */
export type ReadAnswer = { unreadable: UnreadableBlock[] } & ({ value: unknown } | { failure: Failure });
