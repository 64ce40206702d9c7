/** One Postgres database with a telemetry store and writers on it, and a client that looks from outside. */
import pg from 'pg';
import type { Span } from '../../../src/model/telemetry.js';
import { createPostgresTelemetry } from '../../../src/store/telemetry/postgres/store.js';
import { openPostgresWriter } from '../../../src/store/telemetry/postgres/writer.js';
import type { TelemetryStore, TelemetryWriter } from '../../../src/store/telemetry/telemetry.js';
import type { PostgresDatabases } from '../../helpers/postgres.js';
import { BASE_TIME_UNIX_NANO, decodedFrame, recordSource } from '../../helpers/records.js';
import { telemetrySchema } from '../../helpers/schemas.js';

export const BUFFER = 'b0ffe2b0ffe2b0ffe2b0ffe2b0ffe2aa';
const DAY_NANO = 86_400_000_000_000n;
export const today = () => BigInt(Date.now()) * 1_000_000n;
export const daysFromToday = (days: number) => today() + BigInt(days) * DAY_NANO;

export interface Setting {
  store: TelemetryStore;
  connectionString: string;
  writer(connectionString?: string): Promise<TelemetryWriter>;
  sql<Row extends object>(text: string, values?: unknown[]): Promise<Row[]>;
  close(): Promise<void>;
}

export async function openSetting(server: PostgresDatabases): Promise<Setting> {
  const connectionString = await server.createDatabase(telemetrySchema);
  const store = createPostgresTelemetry({ connectionString, poolSize: 2, queryTimeoutMs: 20_000 });
  await store.start();
  const writers: TelemetryWriter[] = [];
  return {
    store,
    connectionString,
    async writer(through = connectionString) {
      const writer = await openPostgresWriter({ connectionString: through, writer: writers.length });
      writers.push(writer);
      return writer;
    },
    async sql<Row extends object>(text: string, values: unknown[] = []) {
      const client = new pg.Client({ connectionString });
      await client.connect();
      try {
        return (await client.query(text, values)).rows as Row[];
      } finally {
        await client.end();
      }
    },
    async close() {
      for (const writer of writers) await writer.close();
      await store.shutdown({ deadlineMs: 5_000 });
    },
  };
}

/** Spans as the generator makes them, but of today. */
export function spansOfToday(seed: number, count: number): Span[] {
  const source = recordSource(seed);
  const shift = today() - BASE_TIME_UNIX_NANO;
  return Array.from({ length: count }, () => source.span()).map((span) => ({
    ...span,
    startTimeUnixNano: span.startTimeUnixNano + shift,
    endTimeUnixNano: span.endTimeUnixNano + shift,
  }));
}

/** One batch of one frame. */
export function batchOf(sequence: number, spans: Span[]) {
  return { bufferId: BUFFER, range: { first: sequence, last: sequence }, frames: [decodedFrame(sequence, { spans })] };
}
