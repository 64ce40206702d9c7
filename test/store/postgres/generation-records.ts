/** Spans and native logs with generations made by hand, and an independent count of what is stored of them. */
import type { Cost, Generation } from '../../../src/model/generation.js';
import { modelOf, TOKEN_TYPES } from '../../../src/model/generation.js';
import type { LogRecord, Span } from '../../../src/model/telemetry.js';
import type { GenerationReader, StoredGeneration, Sums } from '../../../src/store/telemetry/generations.js';
import { generation as generationOf } from '../../helpers/generations.js';
import type { RecordSource } from '../../helpers/records.js';

export function price(key: string, version = '1'): Cost['price'] {
  const rates = { input: '1', output: '2.5' };
  return { key, source: 'catalog', version, provider: 'openai', model: 'gpt-5', serviceTier: '', rates };
}

export function generation(overrides: Partial<Generation> = {}): Generation {
  return generationOf({
    requestModel: 'gpt-5',
    responseModel: 'gpt-5-2026',
    usage: { input: 10, output: 5 },
    cost: { picodollars: 22_500_000n, price: price('catalog/1') },
    ...overrides,
  });
}

/** A span whose generation has its times. */
export function llmSpan(source: RecordSource, of: Partial<Generation> = {}, span: Partial<Span> = {}): Span {
  const made = source.span(span);
  const times = {
    startTimeUnixNano: made.startTimeUnixNano,
    durationNano: made.endTimeUnixNano - made.startTimeUnixNano,
  };
  return { ...made, generation: generation({ ...times, ...of }) };
}

export function llmLog(source: RecordSource, of: Partial<Generation> = {}, log: Partial<LogRecord> = {}): LogRecord {
  const made = source.logRecord(log);
  return { ...made, generation: generation({ startTimeUnixNano: made.timeUnixNano, durationNano: 2_000_000n, ...of }) };
}

export async function storedGenerations(store: GenerationReader, workspace = 'default'): Promise<StoredGeneration[]> {
  const kinds = ['llm', 'embedding', 'tool', 'agent', 'workflow', 'task', 'retriever', 'span'] as const;
  const { items } = await store.listGenerations({ workspace, limit: 10_000, kinds });
  return items;
}

/** What rows say that sums must be. */
export function recount(rows: readonly StoredGeneration[]): Sums & { durationNanoSum: bigint } {
  const counted = rows.filter((row) => row.counted);
  const usage = Object.fromEntries(
    TOKEN_TYPES.map((type) => [type, counted.reduce((sum, row) => sum + (row.usage[type] ?? 0), 0)]),
  ) as Sums['usage'];
  const hasTokens = (row: StoredGeneration) => TOKEN_TYPES.some((type) => (row.usage[type] ?? 0) > 0);
  return {
    requests: counted.length,
    errors: counted.filter((row) => row.isError).length,
    unpriced: counted.filter((row) => row.cost === undefined && hasTokens(row)).length,
    usage,
    picodollars: counted.reduce((sum, row) => sum + (row.cost?.picodollars ?? 0n), 0n),
    durationNanoSum: counted.reduce((sum, row) => sum + row.durationNano, 0n),
  };
}

export function groupedBy(rows: readonly StoredGeneration[], nameOf: (row: StoredGeneration) => string) {
  const groups = new Map<string, StoredGeneration[]>();
  for (const row of rows) groups.set(nameOf(row), [...(groups.get(nameOf(row)) ?? []), row]);
  return groups;
}

export { modelOf };
