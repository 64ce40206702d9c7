import type { Span } from '../../../../../src/model/telemetry.js';
import type {
  GenerationQuery,
  GenerationReader,
  StoredGeneration,
  UsageQuery,
  UsageRow,
} from '../../../../../src/store/telemetry/generations.js';
import type { TelemetryStore } from '../../../../../src/store/telemetry/telemetry.js';
import { BASE_TIME_UNIX_NANO } from '../../../../helpers/records.js';
import { hex } from '../../record-comparison.js';
import { Session } from '../../session.js';

const MS = 1_000_000n;
export const SECOND = 1_000_000_000n;
export const MINUTE = 60n * SECOND;
export const BASE_MS = Number(BASE_TIME_UNIX_NANO / MS);
export const DAY_MS = 86_400_000;
export const LATE = Number.MAX_SAFE_INTEGER;

type Store = TelemetryStore & GenerationReader;

/** What a store has of generations, whose spans are of the days that tests write. */
export class StoredGenerations {
  constructor(readonly reader: GenerationReader) {}

  async list(query: Partial<GenerationQuery> = {}): Promise<StoredGeneration[]> {
    return (await this.reader.listGenerations({ workspace: 'default', limit: 1000, ...query })).items;
  }

  async usage(query: Partial<UsageQuery> = {}): Promise<UsageRow[]> {
    return this.reader.readUsage({
      workspace: 'default',
      fromUnixMs: BASE_MS - DAY_MS,
      toUnixMs: BASE_MS + 10 * DAY_MS,
      grain: 'day',
      series: false,
      groupBy: [],
      filters: {},
      ...query,
    });
  }
}

/** A session whose store reads generations. */
export class GenerationSession extends Session {
  get reader(): GenerationReader {
    return this.target.store as Store;
  }

  async list(query: Partial<GenerationQuery> = {}): Promise<StoredGeneration[]> {
    return new StoredGenerations(this.reader).list(query);
  }

  async usage(query: Partial<UsageQuery> = {}): Promise<UsageRow[]> {
    return new StoredGenerations(this.reader).usage(query);
  }

  async requests(query: Partial<UsageQuery> = {}): Promise<number> {
    return (await this.usage(query)).reduce((sum, row) => sum + row.requests, 0);
  }
}

export function ids(rows: readonly StoredGeneration[]): string[] {
  return rows.map(({ spanId }) => (spanId ? hex(spanId) : ''));
}

export function idOf({ spanId }: Span): string {
  return hex(spanId);
}

export const REVISES = { traces: [], revises: true, idempotency: undefined };
