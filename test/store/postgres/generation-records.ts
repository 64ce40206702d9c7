/** Spans and native logs with generations made by hand, and what is stored of them. */
import type { Cost, Generation } from '../../../src/model/generation.js';
import type { LogRecord, Span } from '../../../src/model/telemetry.js';
import type { GenerationReader, StoredGeneration } from '../../../src/store/telemetry/generations.js';
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

export function groupedBy(rows: readonly StoredGeneration[], nameOf: (row: StoredGeneration) => string) {
  const groups = new Map<string, StoredGeneration[]>();
  for (const row of rows) groups.set(nameOf(row), [...(groups.get(nameOf(row)) ?? []), row]);
  return groups;
}
