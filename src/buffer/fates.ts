/**
 * What became of a frame in the hands of each consumer. The rule needs no memory: a consumer has stored, or sent, what it
 * released. Kept are the exceptions alone, of each consumer the last ones, in a file beside the segments, with the sequence
 * from which on that tells the truth; what a crash takes of the last second's is not known any more.
 */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { type BufferConsumer, type Component, type ConsumerOptions, type Loss, SIGNALS } from '../component.js';
import { GatewayError } from '../errors.js';
import { type BatchIds, createBatchIds } from './batch-ids.js';
import type { DurableBuffer } from './buffer.js';
import { replaceFile } from './disk.js';
import type { Whereabouts } from './follower.js';

const exceptionSchema = z.object({
  /**
   * dead-letter: set aside; partial: some of what was sent at once was refused; lost: given up; unreadable: could not be made
   * anything of; unknown: an end without order.
   */
  kind: z.enum(['dead-letter', 'partial', 'lost', 'unreadable', 'unknown']),
  /** Sequences, both included. */
  first: z.number(),
  last: z.number(),
  reason: z.string(),
  timeUnixMs: z.number(),
  /** Of these frames alone; of every one in between when they are absent. */
  signal: z.enum(SIGNALS).optional(),
  workspace: z.string().optional(),
  /** The id of the dead letter. */
  letter: z.string().optional(),
  /** The sequence under which it came into the buffer again, or its own when a backend was sent it again. */
  replayedAs: z.number().optional(),
});

const consumerSchema = z.object({
  /** What is before can't be told. */
  from: z.number(),
  exceptions: z.array(exceptionSchema),
});

const keptSchema = z.object({
  secret: z.string().min(16),
  /** Whose sequences these are. Absent in files of before it was written: theirs. */
  bufferId: z.string().optional(),
  consumers: z.record(z.string(), consumerSchema),
});

export type Exception = z.output<typeof exceptionSchema>;

/** `done`: released, and no exception of it is known. */
export interface Fate {
  state: 'waiting' | 'taken' | 'done' | Exception['kind'];
  exception?: Exception;
}

/** A frame as its batch id tells it. */
export interface Told {
  sequence: number;
  signal: Exception['signal'];
  workspace: string;
}

export interface Fates extends Component {
  /** Throws SHUTTING_DOWN before the start. */
  readonly ids: BatchIds;
  /** By consumer; undefined when no such frame was appended. */
  of(frame: Told): Record<string, Fate> | undefined;
  note(consumer: string, exception: Omit<Exception, 'timeUnixMs'>): void;
  /** A dead letter was put back, or sent again. */
  replayed(letter: string, sequence: number): void;
  /** The buffer, for consumers whose losses are to be known. */
  watched(): WatchedBuffer;
}

export type WatchedBuffer = Pick<DurableBuffer, 'id' | 'consumer' | 'renewConsumer' | 'removeConsumer'>;

export interface FatesOptions {
  buffer: WatchedBuffer & Pick<DurableBuffer, 'progress' | 'whereabouts' | 'passedOver'>;
  /** The buffer's. */
  directory: string;
  /** The file could not be written: what it would say is forgotten with the process. Once per row of failures. */
  notKept(error: unknown): void;
}

interface Entry {
  from: number;
  exceptions: Exception[];
  /** Where its follower was placed: another one of the same name begins anew. */
  placedAt: number;
}

/** Of each consumer. A row of losses is one of them. */
const MAX_EXCEPTIONS = 1000;
const WRITE_DELAY_MS = 1000;
const MAX_REASON_LENGTH = 500;

const LOST = 'It lagged by more than its share of the buffer';
const PASSED_OVER = 'The gateway ended without a word, and the end of its buffer may be lost';

/** Started behind the buffer. */
export function createFates(options: FatesOptions): Fates {
  return new KeptFates(options);
}

class KeptFates implements Fates {
  readonly name = 'fates';
  readonly #options: FatesOptions;
  readonly #entries = new Map<string, Entry>();
  #ids: BatchIds | undefined;
  #secret = '';
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #failing = false;

  constructor(options: FatesOptions) {
    this.#options = options;
  }

  get ids(): BatchIds {
    if (this.#ids === undefined) throw new GatewayError('SHUTTING_DOWN', 'The buffer is not open');
    return this.#ids;
  }

  async start(): Promise<void> {
    const { buffer } = this.#options;
    const kept = await this.#read();
    this.#secret = kept?.secret ?? randomBytes(32).toString('base64url');
    for (const [name, { from: placedAt }] of Object.entries(buffer.progress())) {
      const { from, exceptions } = kept?.consumers[name] ?? { from: placedAt, exceptions: [] };
      this.#entries.set(name, { from, exceptions, placedAt });
      if (buffer.passedOver) this.note(name, { kind: 'unknown', ...buffer.passedOver, reason: PASSED_OVER });
    }
    await this.#keepStart(kept !== undefined);
    this.#ids = createBatchIds(buffer.id, this.#secret);
  }

  /** Who is here now is so from here on at the next start, too. A secret that is new must be known again. */
  async #keepStart(isSecretKept: boolean): Promise<void> {
    try {
      await this.#write();
    } catch (error) {
      if (!isSecretKept) throw error;
      this.#options.notKept(error);
    }
  }

  async shutdown(): Promise<void> {
    if (this.#ids === undefined) return;
    const isDue = this.#timer !== undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#writing;
    if (isDue) await this.#write().catch((error: unknown) => this.#options.notKept(error));
  }

  of(frame: Told): Record<string, Fate> | undefined {
    const whereabouts = this.#options.buffer.whereabouts(frame.sequence);
    if (whereabouts === undefined) return undefined;
    const fates = Object.entries(whereabouts).map(([name, where]) => [name, this.#fateOf(name, where, frame)]);
    return Object.fromEntries(fates) as Record<string, Fate>;
  }

  #fateOf(name: string, where: Whereabouts, frame: Told): Fate {
    const { from, exceptions } = this.#entryOf(name);
    const exception = exceptions.findLast((one) => isOf(one, frame));
    if (exception?.replayedAs !== undefined) return this.#afterReplay(name, exception, frame);
    if (exception !== undefined) return { state: exception.kind, exception };
    if (where !== 'released') return { state: where };
    return { state: frame.sequence < from ? 'unknown' : 'done' };
  }

  /** What was appended again goes its way under its new sequence; what its backend took has arrived. */
  #afterReplay(name: string, exception: Exception, frame: Told): Fate {
    const sequence = exception.replayedAs!;
    const again = sequence > exception.last ? this.of({ ...frame, sequence })?.[name] : undefined;
    return { state: again?.state ?? 'done', exception: again?.exception ?? exception };
  }

  note(consumer: string, noted: Omit<Exception, 'timeUnixMs'>): void {
    // Who was removed while a request of its was under way is new should it come back.
    if (this.#options.buffer.progress()[consumer] === undefined) return;
    const entry = this.#entryOf(consumer);
    const exception = { ...noted, reason: noted.reason.slice(0, MAX_REASON_LENGTH), timeUnixMs: Date.now() };
    const last = entry.exceptions.at(-1);
    if (last !== undefined && continues(last, exception)) {
      last.last = Math.max(last.last, exception.last);
      last.timeUnixMs = exception.timeUnixMs;
    } else entry.exceptions.push(exception);
    const forgotten = entry.exceptions.length > MAX_EXCEPTIONS ? entry.exceptions.shift() : undefined;
    if (forgotten !== undefined) entry.from = Math.max(entry.from, forgotten.last + 1);
    this.#soon();
  }

  replayed(letter: string, sequence: number): void {
    for (const { exceptions } of this.#entries.values()) {
      for (const exception of exceptions) if (exception.letter === letter) exception.replayedAs = sequence;
    }
    this.#soon();
  }

  watched(): WatchedBuffer {
    const { buffer } = this.#options;
    return {
      get id() {
        return buffer.id;
      },
      consumer: (name, options) => this.#here(buffer.consumer(name, options && this.#watch(name, options))),
      renewConsumer: (name, options) => this.#here(buffer.renewConsumer(name, options && this.#watch(name, options))),
      removeConsumer: (name) => {
        buffer.removeConsumer(name);
        this.#entries.delete(name);
        this.#soon();
      },
    };
  }

  /** One that comes after the start was here from then on at the next start, too. */
  #here(consumer: BufferConsumer): BufferConsumer {
    if (this.#ids === undefined) return consumer;
    this.#entryOf(consumer.name);
    this.#soon();
    return consumer;
  }

  #watch(name: string, options: ConsumerOptions): ConsumerOptions {
    const { overflow } = options;
    if (overflow === undefined) return options;
    const lost = (loss: Loss) => {
      for (const { firstSequence: first, lastSequence: last } of loss.abandoned) {
        this.note(name, { kind: 'lost', first, last, reason: LOST });
      }
      if (loss.skipped) this.note(name, { kind: 'lost', ...loss.skipped, reason: LOST });
      overflow.lost(loss);
    };
    return { ...options, overflow: { ...overflow, lost } };
  }

  #entryOf(name: string): Entry {
    const placedAt = this.#options.buffer.progress()[name]?.from ?? 1;
    const known = this.#entries.get(name);
    if (known?.placedAt === placedAt) return known;
    const entry = { from: placedAt, exceptions: [], placedAt };
    this.#entries.set(name, entry);
    return entry;
  }

  async #read(): Promise<z.output<typeof keptSchema> | undefined> {
    try {
      const kept = keptSchema.parse(JSON.parse(await readFile(this.#file(), 'utf8')));
      const { id } = this.#options.buffer;
      // Sequences of another buffer, which stood in this folder before, are those of other frames here.
      return (kept.bufferId ?? id) === id ? kept : { ...kept, consumers: {} };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Damaged, it is begun anew: nobody loses data by it.
      if (code === 'ENOENT' || error instanceof SyntaxError || error instanceof z.ZodError) return undefined;
      throw error;
    }
  }

  #file(): string {
    return path.join(this.#options.directory, 'fates.json');
  }

  #soon(): void {
    if (this.#timer !== undefined || this.#ids === undefined) return;
    this.#timer = setTimeout(() => this.#writeAside(), WRITE_DELAY_MS).unref();
  }

  #writeAside(): void {
    this.#timer = undefined;
    const before = this.#writing;
    const writing = (async () => {
      await before;
      await this.#write();
    })().then(
      () => this.#written(undefined),
      (error: unknown) => this.#written(error),
    );
    this.#writing = writing;
  }

  #written(error: unknown): void {
    if (error !== undefined && !this.#failing) this.#options.notKept(error);
    this.#failing = error !== undefined;
  }

  async #write(): Promise<void> {
    const consumers = Object.fromEntries(
      [...this.#entries].map(([name, { from, exceptions }]) => [name, { from, exceptions }]),
    );
    const text = JSON.stringify({ secret: this.#secret, bufferId: this.#options.buffer.id, consumers });
    await replaceFile(this.#options.directory, this.#file(), `${text}\n`);
  }
}

function isOf({ first, last, signal, workspace }: Exception, frame: Told): boolean {
  if (frame.sequence < first || frame.sequence > last) return false;
  return (signal ?? frame.signal) === frame.signal && (workspace ?? frame.workspace) === frame.workspace;
}

/** The same happened to what stands right behind. */
function continues(last: Exception, next: Exception): boolean {
  if (last.kind !== 'lost' || next.kind !== 'lost' || last.reason !== next.reason) return false;
  return next.first >= last.first && next.first <= last.last + 1;
}
