/** Processors as a chooser: one message to a thread and back for what a range holds of a signal. */
import type { Signal, TaskPool } from '../../src/component.js';
import type { Part } from '../batch.js';
import type { Chooser, Tell } from '../chooser.js';
import { NOTHING } from '../encoding.js';
import type { ExporterEvents } from '../events.js';
import { Isolation } from '../isolation.js';
import { PROCESS, type Processed, type ProcessTask } from './process.js';
import type { Step } from './steps.js';

export interface ProcessingOptions {
  exporter: string;
  signal: Signal;
  /** In their order. */
  steps: readonly Step[];
  /** Runs `processParts` as the operation PROCESS. */
  pool: TaskPool;
  /** To the dead letters, and told: what can't be read is not sent past its processors. */
  bury(part: Part, reason: string): Promise<void>;
  events: Pick<ExporterEvents, 'stuck'>;
}

export function createProcessing(options: ProcessingOptions): Chooser {
  const { exporter, signal, steps, pool, bury, events } = options;

  const tellSlow = ({ slowPatterns }: Processed) => {
    for (const pattern of slowPatterns) {
      events.stuck({
        exporter,
        reason: `the pattern ${pattern} took too long, and was taken for one that does not match`,
      });
    }
  };

  const chosenFrom = async (parts: readonly Part[], tell: Tell) => {
    const task = taskOf(signal, steps, parts);
    const processed = await pool.run<Processed>(PROCESS, task, [task.payloads.buffer]);
    const chosen: Part[] = [];
    for (const { part, payload, unreadable } of outcomesOf(parts, processed)) {
      if (unreadable === undefined) chosen.push({ ...part, payload });
      else await bury({ ...part, payload }, `it can't be read: ${unreadable}`);
    }
    for (const [processor, passed] of Object.entries(processed.passages)) tell({ signal, processor, ...passed });
    tellSlow(processed);
    return chosen;
  };

  const isolation = new Isolation({
    work: chosenFrom,
    probe: () => pool.run(NOTHING, undefined),
    setAside: (part, { message }) => bury(part, `no thread survives processing it: ${message}`),
  });
  return { choose: (parts, abort, tell) => isolation.choose(parts, abort, tell) };
}

/** Copied into memory that can be handed over: what is read from the buffer may lie in memory that others have a part in. */
function taskOf(signal: Signal, steps: readonly Step[], parts: readonly Part[]): ProcessTask {
  const payloads = new Uint8Array(parts.reduce((sum, { payload }) => sum + payload.length, 0));
  let at = 0;
  for (const { payload } of parts) {
    payloads.set(payload, at);
    at += payload.length;
  }
  const described = parts.map(({ workspace, items, payload }) => ({ workspace, items, bytes: payload.length }));
  return { signal, steps, parts: described, payloads };
}

interface Outcome {
  part: Part;
  payload: Buffer;
  unreadable: string | undefined;
}

function outcomesOf(parts: readonly Part[], { parts: processed, payloads }: Processed): Outcome[] {
  let at = payloads.byteOffset;
  return processed.flatMap((one, index) => {
    if (one === undefined) return [];
    const payload = Buffer.from(payloads.buffer, at, one.bytes);
    at += one.bytes;
    return [{ part: { ...parts[index]!, items: one.items }, payload, unreadable: one.unreadable }];
  });
}
