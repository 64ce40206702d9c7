/** Generations, sessions, users and their sums: what the telemetry half answers beside spans as they came. */
import type { Generation, GenerationKind, Usage } from '../../model/generation.js';
import type { Keyset, Page } from '../page.js';

export interface StoredGeneration extends Omit<Generation, 'searchText'> {
  source: 'span' | 'log';
  /** Of a span always; of a native log when it names them. A log is found by its time, `startTimeUnixNano`. */
  traceId: Uint8Array | undefined;
  spanId: Uint8Array | undefined;
  /** Of the span; '' for a log. */
  name: string;
  service: string;
  /** In every sum: `countable`, and the first sighting of its call. */
  counted: boolean;
  receivedTimeUnixMs: number;
}

interface PageQuery {
  workspace: string;
  /** Inclusive lower, exclusive upper bound. */
  fromUnixNano?: bigint;
  toUnixNano?: bigint;
  limit: number;
  after?: Keyset;
  offset?: number;
}

/** By start time, newest first when `order` is absent. */
export interface GenerationQuery extends PageQuery {
  order?: 'asc' | 'desc';
  /** All but `span` when it is absent. */
  kinds?: readonly GenerationKind[];
  /** Equal to the response's or the request's. */
  model?: string;
  provider?: string;
  promptName?: string;
  promptVersion?: string;
  /** The span's own, or that of its trace. */
  sessionId?: string;
  userId?: string;
  environment?: string;
  traceId?: Uint8Array;
  /** Of its trace, when it tells of one, and native logs that name it (32 hex digits). */
  run?: { id: string; traceId: Uint8Array | undefined };
  isError?: boolean;
  isPriced?: boolean;
  counted?: boolean;
  /** Of the computed cost, inclusive. */
  minPicodollars?: bigint;
  maxPicodollars?: bigint;
  /** Input and output together, inclusive. */
  minTokens?: number;
  maxTokens?: number;
  minDurationNano?: bigint;
  maxDurationNano?: bigint;
  /** Words, all of which stand in its messages, or in a log event of its span. */
  text?: string;
}

/** By the time of the latest of its spans and logs, newest first; the keyset's id is the session's (the user's). */
export interface SessionQuery extends PageQuery {
  userId?: string;
}
export interface UserQuery extends PageQuery {}

export interface Sums {
  /** Counted calls of models. */
  requests: number;
  errors: number;
  /** Requests with usage for which no price was found: what `picodollars` lacks. */
  unpriced: number;
  usage: Required<Usage>;
  picodollars: bigint;
}

export interface SessionSummary extends Sums {
  id: string;
  firstTimeUnixNano: bigint;
  lastTimeUnixNano: bigint;
  traces: number;
  /** Distinct, sorted, at most 20. */
  userIds: string[];
}

export interface UserSummary extends Sums {
  id: string;
  firstTimeUnixNano: bigint;
  lastTimeUnixNano: bigint;
  traces: number;
  sessions: number;
}

/** What sums are grouped and filtered by. The first five combine freely; `user` and `session` each stand alone. */
export const DIMENSIONS = ['model', 'provider', 'prompt', 'version', 'environment', 'user', 'session'] as const;
export type Dimension = (typeof DIMENSIONS)[number];

export const GRAINS = { minute: 60, hour: 3600, day: 86_400 } as const;
export type Grain = keyof typeof GRAINS;

/** Of one answer. */
export const MAX_USAGE_ROWS = 10_000;

export interface UsageQuery {
  workspace: string;
  /** Multiples of the grain. Inclusive lower, exclusive upper. */
  fromUnixMs: number;
  toUnixMs: number;
  grain: Grain;
  /** One row for each time of the grain (and group); otherwise one for the whole range. */
  series: boolean;
  /** Of one set: see DIMENSIONS. */
  groupBy: readonly Dimension[];
  filters: { [dimension in Dimension]?: string };
  /** Rows at most; MAX_USAGE_ROWS when it is absent. */
  limit?: number;
}

export interface UsageRow extends Sums {
  /** Start of its minute, hour or day; undefined without `series`. */
  timeUnixMs: number | undefined;
  /** '' where the spans say nothing. */
  group: { [dimension in Dimension]?: string };
  durationNanoSum: bigint;
  /** Of the duration, in nanoseconds, within 1 % of the value; undefined without requests. */
  p50DurationNano: number | undefined;
  p95DurationNano: number | undefined;
  p99DurationNano: number | undefined;
}

export interface GenerationReader {
  listGenerations(query: GenerationQuery): Promise<Page<StoredGeneration>>;
  /** Of a span, or of a native log by its time. */
  getGeneration(
    workspace: string,
    place: { traceId: Uint8Array; spanId: Uint8Array } | { logTimeUnixNano: bigint },
  ): Promise<StoredGeneration | undefined>;
  listSessions(query: SessionQuery): Promise<Page<SessionSummary>>;
  getSession(workspace: string, id: string): Promise<SessionSummary | undefined>;
  /** Hex ids of its traces, newest first. */
  listSessionTraces(workspace: string, id: string, limit: number): Promise<string[]>;
  listUsers(query: UserQuery): Promise<Page<UserSummary>>;
  getUser(workspace: string, id: string): Promise<UserSummary | undefined>;
  /** At most `limit` rows, by time, then by cost, greatest first. Rejects with VALIDATION_FAILED for dimensions of several sets. */
  readUsage(query: UsageQuery): Promise<UsageRow[]>;
}

/** One step of computing costs anew: so that a writer's other work has its turn between two. */
export interface RepriceStep {
  workspace: string;
  /** Of the generation's start. */
  fromUnixNano: bigint;
  toUnixNano: bigint;
  /** What the step before returned; undefined for the first. */
  after: string | undefined;
  /** Rows at most. */
  limit: number;
}

export interface RepriceResult {
  examined: number;
  changed: number;
  /** Opaque; undefined when all is done. */
  next: string | undefined;
}
