/**
 * A store writer: the piscina entry that turns a range of the buffer into rows. One thread is one writer; it reads the
 * frames from the segment file itself, so no span crosses between threads.
 */
import { workerData } from 'node:worker_threads';
import { type DamagedFrame, readFrames } from '../src/buffer/reader.js';
import type { Care } from '../src/casualty.js';
import type { Frame, FrameOutcome } from '../src/component.js';
import { GatewayError } from '../src/errors.js';
import type { AuditEntry } from '../src/model/audit-entry.js';
import type { DecodedFrame } from '../src/model/telemetry.js';
import { decodeTrailer, nativeWriteOf, type Trailer } from '../src/model/trailer.js';
import { decodeRequest } from '../src/otlp/decode.js';
import type { TelemetryWriter, TraceDeletion, WriteResult } from '../src/store/telemetry/telemetry.js';
import { openTelemetryWriter } from '../src/store/telemetry/writer.js';
import { takeOutContents } from './contents.js';
import { isDeadLetter, writeDeadLetter } from './dead-letters.js';
import { Enrichment } from './enrichment.js';
import type {
  Burial,
  Deleted,
  DeleteResult,
  DeleteTask,
  ForgetResult,
  Forgotten,
  FrameDeletion,
  Ignorant,
  Informed,
  RepriceTask,
  RepriceTaskResult,
  Stored,
  StoreResult,
  StoreTask,
  WriterThreadOptions,
} from './messages.js';
import { lowerThreadPriority } from './priority.js';

/** A third of the share of a thread that doesn't stand back (Linux: each step is worth a factor of 1.25). */
const NICENESS = 5;
lowerThreadPriority(NICENESS);

interface FrameInHand {
  raw: Frame;
  decoded: DecodedFrame;
  trailer: Trailer | undefined;
}

/** What becomes of a frame at a time. */
interface CarefulWay {
  take(raw: Frame | DamagedFrame): FrameInHand[];
  /** Of one that the thread died of. */
  bury(raw: Frame): void;
}

interface Batch {
  first: number;
  last: number;
  /** Raw and decoded, side by side: a frame that can't be written goes to the dead letters as it came. */
  frames: FrameInHand[];
}

const options = workerData as WriterThreadOptions;
const enrichment = new Enrichment();
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
    audit: '',
    deletions: [],
    cutTexts: 0,
    decodeMs: 0,
    mapMs: 0,
    writeMs: 0,
  };
  private readonly audit: AuditEntry[] = [];

  constructor(
    private readonly task: StoreTask,
    private readonly target: TelemetryWriter,
  ) {}

  async run(): Promise<Stored> {
    if (this.task.care !== undefined) {
      return this.runWithCare(this.task.care, {
        take: (raw) => this.decodeOne(raw),
        bury: (raw) => this.buryDeadly(raw),
      });
    }
    const started = performance.now();
    const batch = this.decode();
    const decoded = performance.now();
    this.total.decodeMs = decoded - started - this.total.mapMs;
    await this.write(batch);
    this.total.writeMs = performance.now() - decoded;
    return this.told();
  }

  /**
   * What was stored before a crash is not decoded again. What its frames tell the audit log, and what they delete, may
   * not have been done.
   */
  async recall(): Promise<Stored> {
    const { range, care } = this.task;
    if (care !== undefined) {
      return this.runWithCare(care, { take: (raw) => this.recallOne(raw), bury: (raw) => this.buryRecalled(raw) });
    }
    const frames = [...readFrames(range)].flatMap((raw) => this.recallOne(raw));
    if (frames.length > 0) await this.apply({ first: range.firstSequence, last: range.lastSequence, frames });
    return this.told();
  }

  /** What can't be read was set aside when the range was stored. */
  private recallOne(raw: Frame | DamagedFrame): FrameInHand[] {
    if (!this.isRecalled(raw)) return [];
    try {
      return [handOf(raw, NO_ROWS)];
    } catch {
      return [];
    }
  }

  private isRecalled(raw: Frame | DamagedFrame): raw is Frame {
    if ('damaged' in raw || raw.trailer.length === 0) return false;
    return !isDeadLetter(options.deadLetterDirectory, this.task.bufferId, raw.sequence);
  }

  private buryDeadly(raw: Frame): void {
    this.buryFrame(raw, `cannot be stored: ${DEADLY}`);
  }

  /**
   * Its rows are stored, what else it tells is not: the trailer is what is left to be kept. A replay would store log
   * records and points of the payload again, which have no ids to be recognised by.
   */
  private buryRecalled(raw: Frame): void {
    if (!this.isRecalled(raw)) return;
    const trailerAlone = { ...raw, encoding: 'protobuf' as const, items: 0, payload: Buffer.alloc(0) };
    this.buryFrame(trailerAlone, `is stored, but what goes with it cannot be read: ${DEADLY}`);
  }

  /** Each frame is a transaction of its own, so that the thread may die of one and keeps the others. */
  private async runWithCare({ at, bury }: Care, way: CarefulWay): Promise<Stored> {
    const started = performance.now();
    const { range } = this.task;
    let first = range.firstSequence;
    for (const raw of readFrames(range)) {
      const last = 'damaged' in raw ? raw.lastSequence : raw.sequence;
      at[0] = last;
      const deadly = !('damaged' in raw) && bury.includes(raw.sequence);
      if (deadly) way.bury(raw);
      await this.write({ first, last, frames: deadly ? [] : way.take(raw) });
      first = last + 1;
    }
    at[0] = 0;
    if (first <= range.lastSequence) await this.write({ first, last: range.lastSequence, frames: [] });
    this.total.writeMs = performance.now() - started;
    return this.told();
  }

  private decode(): Batch {
    const { range } = this.task;
    const frames: Batch['frames'] = [];
    for (const raw of readFrames(range)) frames.push(...this.decodeOne(raw));
    return { first: range.firstSequence, last: range.lastSequence, frames };
  }

  /** None when it goes to the dead letters. */
  private decodeOne(raw: Frame | DamagedFrame): FrameInHand[] {
    if ('damaged' in raw) {
      this.buryDamaged(raw);
      return [];
    }
    try {
      const hand = handOf(raw, decodeRequest(raw));
      if (options.mapping) this.enrich(hand);
      this.total.cutTexts += takeOutContents(hand.decoded, options.maxAttributeBytes);
      return [hand];
    } catch (error) {
      this.buryFrame(raw, `cannot be decoded: ${messageOf(error)}`);
      return [];
    }
  }

  private enrich({ decoded }: FrameInHand): void {
    const started = performance.now();
    const failures = enrichment.enrich(decoded);
    this.total.mapMs += performance.now() - started;
    if (!failures) return;
    const before = this.total.mappingFailures;
    this.total.mappingFailures = {
      count: failures.count + (before?.count ?? 0),
      reason: before?.reason ?? failures.reason,
    };
  }

  private async write(batch: Batch): Promise<void> {
    try {
      await this.apply(batch);
    } catch (error) {
      if (isUnavailable(error) || batch.frames.length === 0) throw error;
      await this.isolate(batch, error);
    }
  }

  private async apply({ first, last, frames }: Batch): Promise<void> {
    const decoded = frames.map((frame) => frame.decoded);
    const result = await this.target.write({ bufferId: this.task.bufferId, range: { first, last }, frames: decoded });
    this.add(result);
    this.follow(frames, result.outcomes);
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
    this.total.deadLetters.push(buryFrame(this.task.bufferId, raw, reason));
  }

  private buryDamaged({ firstSequence: sequence, reason: damage, bytes: payload }: DamagedFrame): void {
    const reason = `damaged on disk: ${damage}`;
    const letter = { bufferId: this.task.bufferId, sequence, reason, frame: undefined, payload };
    writeDeadLetter(options.deadLetterDirectory, letter);
    this.total.deadLetters.push({ sequence, reason });
  }

  /** What is to be done after the rows of the frames are stored. */
  private follow(frames: readonly FrameInHand[], outcomes: readonly FrameOutcome[]): void {
    const written = new Set<number>();
    for (const outcome of outcomes) if (outcome.written) written.add(outcome.sequence);
    for (const { raw, trailer } of frames) {
      if (!trailer || !written.has(raw.sequence)) continue;
      const audit = this.auditOf(raw, trailer);
      if (trailer.deletes.length > 0) this.total.deletions.push(deletionOf(raw, trailer, audit));
      else this.audit.push(...audit);
    }
  }

  private told(): Stored {
    if (this.audit.length > 0) this.total.audit = JSON.stringify(this.audit);
    return this.total;
  }

  private auditOf({ sequence }: Frame, { audit }: Trailer): AuditEntry[] {
    return audit.map((entry, n) => ({ ...entry, source: `${this.task.bufferId}:${sequence}:${n}` }));
  }

  private add(result: WriteResult): void {
    this.total.spans += result.spans;
    this.total.duplicateSpans += result.duplicateSpans;
    this.total.logRecords += result.logRecords;
    this.total.metricPoints += result.metricPoints;
    this.total.outcomes.push(...result.outcomes);
  }
}

const DEADLY = 'the writer died of it, again and again';

type Rows = Pick<DecodedFrame, 'spans' | 'logRecords' | 'metricPoints'>;

const NO_ROWS: Rows = { spans: [], logRecords: [], metricPoints: [] };

function handOf(raw: Frame, rows: Rows): FrameInHand {
  const { sequence, workspace, receivedTimeUnixMs, payload } = raw;
  const trailer = raw.trailer.length > 0 ? decodeTrailer(raw.trailer) : undefined;
  const native = trailer && nativeWriteOf(trailer);
  return { raw, decoded: { sequence, workspace, receivedTimeUnixMs, bytes: payload.length, native, ...rows }, trailer };
}

function deletionOf(raw: Frame, { deletes: traceIds }: Trailer, audit: AuditEntry[]): FrameDeletion {
  const { sequence, workspace, receivedTimeUnixMs: receivedUntilUnixMs } = raw;
  return { sequence, workspace, traceIds, receivedUntilUnixMs, audit };
}

function buryFrame(bufferId: string, raw: Frame, reason: string): Burial {
  const { sequence, signal, encoding, workspace, items, receivedTimeUnixMs, payload, trailer } = raw;
  const frame = { signal, encoding, workspace, items, receivedTimeUnixMs };
  writeDeadLetter(options.deadLetterDirectory, { bufferId, sequence, reason, frame, payload, trailer });
  return { sequence, reason };
}

/** All at once; what can't be deleted is found by going one by one, and goes to the dead letters. */
async function deleteAll(task: DeleteTask, target: TelemetryWriter): Promise<Deleted> {
  try {
    await target.deleteTraces!(task.deletions.flatMap(tracesOf));
    return { outcome: 'deleted', deadLetters: [] };
  } catch (error) {
    if (isUnavailable(error)) throw error;
    return { outcome: 'deleted', deadLetters: await deleteEach(task, target) };
  }
}

async function forgetAll({ deletions }: DeleteTask, target: TelemetryWriter): Promise<Forgotten> {
  await target.forgetTraces(deletions.flatMap(tracesOf));
  return { outcome: 'forgotten' };
}

async function deleteEach(task: DeleteTask, target: TelemetryWriter): Promise<Burial[]> {
  const buried: Burial[] = [];
  for (const deletion of task.deletions) {
    try {
      await target.deleteTraces!(tracesOf(deletion));
    } catch (error) {
      if (isUnavailable(error)) throw error;
      buried.push(...buryDeletion(task, deletion, `cannot be deleted: ${messageOf(error)}`));
    }
  }
  return buried;
}

function tracesOf({ workspace, traceIds, receivedUntilUnixMs }: FrameDeletion): TraceDeletion[] {
  return traceIds.map((traceId) => ({ workspace, traceId, receivedUntilUnixMs }));
}

function buryDeletion({ bufferId, range }: DeleteTask, { sequence }: FrameDeletion, reason: string): Burial[] {
  for (const raw of readFrames(range)) {
    if (!('damaged' in raw) && raw.sequence === sequence) return [buryFrame(bufferId, raw, reason)];
  }
  return [{ sequence, reason }];
}

function isUnavailable(error: unknown): boolean {
  if (error instanceof GatewayError) return error.retryable;
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EIO' || code === 'EMFILE' || code === 'ENFILE';
}

async function answering<Result>(work: (target: TelemetryWriter) => Promise<Result>) {
  try {
    return await work(await writer());
  } catch (error) {
    return { outcome: 'unavailable' as const, reason: messageOf(error) };
  }
}

async function close(): Promise<void> {
  const target = await opening?.catch(() => undefined);
  opening = undefined;
  await target?.close();
}

/** Runs what needs to know of prices and prompts, if this thread was told of those that the task thinks it was. */
async function informed<Result>(
  { knowledge }: Partial<Informed>,
  work: () => Promise<Result>,
): Promise<Result | Ignorant> {
  if (knowledge) {
    const { known } = enrichment;
    const { pricesVersion, promptsVersion } = knowledge.after;
    if (known.pricesVersion !== pricesVersion || known.promptsVersion !== promptsVersion)
      return { outcome: 'ignorant', known };
    enrichment.learn(knowledge);
  }
  return work();
}

function reprice({ step }: RepriceTask): Promise<RepriceTaskResult> {
  const { priceBook } = enrichment;
  return answering(async (target) => {
    const result = await target.reprice(step, (generation) => priceBook.costOf(step.workspace, generation));
    return { outcome: 'repriced' as const, ...result };
  });
}

const OPERATIONS = {
  store: (task: StoreTask): Promise<StoreResult | Ignorant> =>
    informed(task, () => answering((target) => new StoreRun(task, target).run())),
  reprice: (task: RepriceTask): Promise<RepriceTaskResult | Ignorant> => informed(task, () => reprice(task)),
  recall: (task: StoreTask): Promise<StoreResult> => answering((target) => new StoreRun(task, target).recall()),
  delete: (task: DeleteTask): Promise<DeleteResult> => answering((target) => deleteAll(task, target)),
  forget: (task: DeleteTask): Promise<ForgetResult> => answering((target) => forgetAll(task, target)),
  close,
};

/** The argument is the operation's task: see messages.ts. */
export default function run({ operation, argument }: { operation: keyof typeof OPERATIONS; argument: unknown }) {
  return OPERATIONS[operation](argument as StoreTask & DeleteTask & RepriceTask);
}
