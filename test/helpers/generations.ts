/** Generations as the mapping of spans makes them, by hand. */
import type { Cost, Generation } from '../../src/model/generation.js';
import type { LogRecord, Span } from '../../src/model/telemetry.js';
import type { RecordSource } from './records.js';

export function cost(picodollars: bigint, key = 'catalog/1/gpt-4o'): Cost {
  return {
    picodollars,
    price: {
      key,
      source: 'catalog',
      version: '1',
      provider: 'openai',
      model: 'gpt-4o',
      serviceTier: '',
      rates: { input: '2.5', output: '10' },
    },
  };
}

export function generation(overrides: Partial<Generation> = {}): Generation {
  return {
    kind: 'llm',
    operation: 'chat',
    provider: 'openai',
    requestModel: 'gpt-4o',
    responseModel: 'gpt-4o-2024-08-06',
    responseId: '',
    serviceTier: '',
    usage: { input: 100, output: 20 },
    billed: undefined,
    countable: true,
    reportedCost: undefined,
    cost: cost(450_000_000n),
    finishReasons: ['stop'],
    timeToFirstTokenNano: undefined,
    streaming: undefined,
    promptName: '',
    promptVersion: '',
    promptHash: '',
    runId: '',
    sessionId: '',
    userId: '',
    environment: '',
    release: '',
    tags: [],
    agentName: '',
    workflowName: '',
    toolName: '',
    toolCallId: '',
    isError: false,
    startTimeUnixNano: 0n,
    durationNano: 0n,
    searchText: '',
    mappingWarnings: [],
    ...overrides,
  };
}

/** What says only whose a trace is. */
export function identity(of: { sessionId?: string; userId?: string }): Partial<Generation> {
  const none = { operation: '', provider: '', requestModel: '', responseModel: '', finishReasons: [] };
  return { kind: 'span', countable: false, usage: {}, cost: undefined, ...none, ...of };
}

export function generationSpan(source: RecordSource, of: Partial<Generation> = {}, span: Partial<Span> = {}): Span {
  const made = source.span(span);
  const times = {
    startTimeUnixNano: made.startTimeUnixNano,
    durationNano: made.endTimeUnixNano - made.startTimeUnixNano,
  };
  return { ...made, generation: generation({ ...times, ...of }) };
}

export function generationLog(source: RecordSource, of: Partial<Generation> = {}, log: Partial<LogRecord> = {}) {
  const made = source.logRecord(log);
  return { ...made, generation: generation({ startTimeUnixNano: made.timeUnixNano, durationNano: 5_000_000n, ...of }) };
}
