/**
 * A store writer: the piscina entry that turns a range of the buffer into rows. One thread is one writer; it reads the
 * frames from the segment file itself, so no span crosses between threads.
 */
import { workerData } from 'node:worker_threads';
import { type DamagedFrame, readFrames } from '../src/buffer/reader.js';
import type { Frame } from '../src/component.js';
import { GatewayError } from '../src/errors.js';
import type { DecodedFrame } from '../src/model/telemetry.js';
import { decodeTrailer, nativeWriteOf } from '../src/model/trailer.js';
import { decodeRequest } from '../src/otlp/decode.js';
import type { TelemetryWriter, WriteResult } from '../src/store/telemetry/telemetry.js';
import { openTelemetryWriter } from '../src/store/telemetry/writer.js';
import { writeDeadLetter } from './dead-letters.js';
import type { Care, Stored, StoreResult, StoreTask, WriterThreadOptions } from './messages.js';
import { lowerThreadPriority } from './priority.js';

/** A third of the share of a thread that doesn't stand back (Linux: each step is worth a factor of 1.25). */
const NICENESS = 5;
lowerThreadPriority(NICENESS);

interface Batch {
  first: number;
  last: number;
  /** Raw and decoded, side by side: a frame that can't be written goes to the dead letters as it came. */
  frames: { raw: Frame; decoded: DecodedFrame }[];
}

const options = workerData as WriterThreadOptions;
let opening: Promise<TelemetryWriter> | undefined;

/** Opened by the first task, and again after a failed try: the database may come up later than this process. */
function writer(): Promise<TelemetryWriter> {
  opening ??= openTelemetryWriter(options.writer).catch((error: unknown) => {
    opening = undefined;
    throw error;
  });
  return opening;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

class StoreRun {
  private readonly total: Stored = {
    outcome: 'stored',
    spans: 0,
    duplicateSpans: 0,
    logRecords: 0,
    metricPoints: 0,
    outcomes: [],
    deadLetters: [],
    decodeMs: 0,
    writeMs: 0,
  };

  constructor(
    private readonly task: StoreTask,
    private readonly target: TelemetryWriter,
  ) {}

  async run(): Promise<Stored> {
    if (this.task.care !== undefined) return this.runWithCare(this.task.care);
    const started = performance.now();
    const batch = this.decode();
    this.total.decodeMs = performance.now() - started;
    await this.write(batch);
    this.total.writeMs = performance.now() - started - this.total.decodeMs;
    return this.total;
  }

  /** Each frame is a transaction of its own, so that the thread may die of one and keeps the others. */
  private async runWithCare({ at, bury }: Care): Promise<Stored> {
    const started = performance.now();
    const { range } = this.task;
    let first = range.firstSequence;
    for (const raw of readFrames(range)) {
      const last = 'damaged' in raw ? raw.lastSequence : raw.sequence;
      at[0] = last;
      const deadly = !('damaged' in raw) && bury.includes(raw.sequence);
      if (deadly) this.buryFrame(raw, 'cannot be stored: the writer died of it, again and again');
      await this.write({ first, last, frames: deadly ? [] : this.decodeOne(raw) });
      first = last + 1;
    }
    at[0] = 0;
    if (first <= range.lastSequence) await this.write({ first, last: range.lastSequence, frames: [] });
    this.total.writeMs = performance.now() - started;
    return this.total;
  }

  private decode(): Batch {
    const { range } = this.task;
    const frames: Batch['frames'] = [];
    for (const raw of readFrames(range)) frames.push(...this.decodeOne(raw));
    return { first: range.firstSequence, last: range.lastSequence, frames };
  }

  /** None when it goes to the dead letters. */
  private decodeOne(raw: Frame | DamagedFrame): Batch['frames'] {
    if ('damaged' in raw) {
      this.bury(raw.firstSequence, `damaged on disk: ${raw.reason}`, undefined, raw.bytes);
      return [];
    }
    try {
      return [{ raw, decoded: decodeFrame(raw) }];
    } catch (error) {
      this.buryFrame(raw, `cannot be decoded: ${messageOf(error)}`);
      return [];
    }
  }

  private async write(batch: Batch): Promise<void> {
    try {
      const frames = batch.frames.map((frame) => frame.decoded);
      const range = { first: batch.first, last: batch.last };
      this.add(await this.target.write({ bufferId: this.task.bufferId, range, frames }));
    } catch (error) {
      if (isUnavailable(error) || batch.frames.length === 0) throw error;
      await this.isolate(batch, error);
    }
  }

  /** Halves a batch that the store refuses until the frame it can't take stands alone. */
  private async isolate(batch: Batch, error: unknown): Promise<void> {
    const { first, last, frames } = batch;
    if (frames.length === 1) {
      this.buryFrame(frames[0]!.raw, `cannot be written: ${messageOf(error)}`);
      return this.write({ first, last, frames: [] });
    }
    const middle = frames.length >> 1;
    const border = frames[middle]!.raw.sequence;
    await this.write({ first, last: border - 1, frames: frames.slice(0, middle) });
    await this.write({ first: border, last, frames: frames.slice(middle) });
  }

  private buryFrame(raw: Frame, reason: string): void {
    const { signal, encoding, workspace, items, receivedTimeUnixMs } = raw;
    this.bury(raw.sequence, reason, { signal, encoding, workspace, items, receivedTimeUnixMs }, raw.payload);
  }

  private bury(
    sequence: number,
    reason: string,
    frame: Parameters<typeof writeDeadLetter>[1]['frame'],
    payload: Uint8Array,
  ): void {
    writeDeadLetter(options.deadLetterDirectory, { bufferId: this.task.bufferId, sequence, reason, frame, payload });
    this.total.deadLetters.push({ sequence, reason });
  }

  private add(result: WriteResult): void {
    this.total.spans += result.spans;
    this.total.duplicateSpans += result.duplicateSpans;
    this.total.logRecords += result.logRecords;
    this.total.metricPoints += result.metricPoints;
    this.total.outcomes.push(...result.outcomes);
  }
}

function decodeFrame(raw: Frame): DecodedFrame {
  const { sequence, workspace, receivedTimeUnixMs, payload, trailer } = raw;
  const native = trailer.length > 0 ? nativeWriteOf(decodeTrailer(trailer)) : undefined;
  return { sequence, workspace, receivedTimeUnixMs, bytes: payload.length, native, ...decodeRequest(raw) };
}

function isUnavailable(error: unknown): boolean {
  if (error instanceof GatewayError) return error.retryable;
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EIO' || code === 'EMFILE' || code === 'ENFILE';
}

async function store(task: StoreTask): Promise<StoreResult> {
  try {
    return await new StoreRun(task, await writer()).run();
  } catch (error) {
    return { outcome: 'unavailable', reason: messageOf(error) };
  }
}

async function close(): Promise<void> {
  const target = await opening?.catch(() => undefined);
  opening = undefined;
  await target?.close();
}

/** `store` takes a StoreTask and answers a StoreResult; `close` closes the writer. */
export default function run({ operation, argument }: { operation: 'store' | 'close'; argument: unknown }) {
  return operation === 'store' ? store(argument as StoreTask) : close();
}
