/** The full text of a writer's blocks, as the writer sees it: handed piece by piece to a thread, and committed before the rows. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { GenerationTexts } from './generation-texts.js';
import { inTextFile, type LastRows, textBytes } from './text-file.js';
import type { TextAnswer, TextMessage } from './text-messages.js';

/** A message costs some 10 µs: a piece is large enough not to feel it, and small enough that the thread begins early. */
const PIECE_TEXTS = 256;
const PIECE_CHARS = 256 * 1024;

interface Asked {
  resolve(bytes: number): void;
  reject(error: unknown): void;
}

/** Begun by the first text, and again after it was lost. */
export class TextThread {
  private worker: Worker | undefined;
  private asked: Asked[] = [];

  send(message: TextMessage): void {
    this.worker ??= this.begin();
    this.worker.postMessage(message);
  }

  /** How many bytes the file has then. Rejects with the thread's failure, or when the thread is lost. */
  ask(message: TextMessage): Promise<number> {
    this.send(message);
    // An idle thread keeps no process, and one that is waited for does.
    this.worker!.ref();
    return new Promise((resolve, reject) => this.asked.push({ resolve, reject }));
  }

  get isRunning(): boolean {
    return this.worker !== undefined;
  }

  async end(): Promise<void> {
    const { worker } = this;
    this.worker = undefined;
    await worker?.terminate();
  }

  private begin(): Worker {
    const worker = new Worker(new URL(`./text-thread${path.extname(fileURLToPath(import.meta.url))}`, import.meta.url));
    worker.unref();
    let reason = 'The thread that writes full text ended';
    worker.on('message', (answer: TextAnswer) => this.answered(worker, answer));
    worker.on('error', (error) => {
      reason = `The thread that writes full text was lost: ${error.message}`;
    });
    worker.on('exit', () => this.lost(worker, new Error(reason)));
    return worker;
  }

  private answered(worker: Worker, answer: TextAnswer): void {
    const asked = this.asked.shift()!;
    if (this.asked.length === 0) worker.unref();
    if ('bytes' in answer) asked.resolve(answer.bytes);
    else asked.reject(Object.assign(new Error(answer.failure.message), { code: answer.failure.code }));
  }

  private lost(worker: Worker, error: Error): void {
    if (this.worker === worker) this.worker = undefined;
    const unanswered = this.asked;
    this.asked = [];
    for (const { reject } of unanswered) reject(error);
  }
}

/** Of one block, which one writer fills. */
export class BlockTexts implements GenerationTexts {
  private ids: number[] = [];
  private texts: string[] = [];
  private chars = 0;
  /** The ids of logs count downwards: FTS5 would write what it has gathered at each. */
  private ofLogs: [id: number, text: string][] = [];
  private removed: number[] = [];
  /** Pieces are with the thread that are not committed. */
  private isPending = false;
  private committing: Promise<void> = Promise.resolve();
  private bytes: number;
  /** Texts may be committed whose rows are not. */
  isAhead = false;

  constructor(
    private readonly file: string,
    private readonly thread: TextThread,
  ) {
    this.bytes = textBytes(file);
  }

  /** Takes out what a writer left that was cut off between its texts and their rows. */
  settle(last: LastRows): void {
    inTextFile(this.file, (texts) => texts.removeAhead(last));
  }

  byteCount(): number {
    return this.bytes;
  }

  /** Somebody deleted the file: nobody would ever find what goes into it. */
  isGone(): boolean {
    return this.bytes > 0 && !existsSync(this.file);
  }

  add(id: bigint, text: string | undefined): void {
    if (!text) return;
    if (id < 0n) this.ofLogs.push([Number(id), text]);
    else this.addToPiece(Number(id), text);
  }

  delete(id: bigint): void {
    this.removed.push(Number(id));
  }

  /** Begins to commit: call `committed` before the rows are. */
  flush(): void {
    for (const [id, text] of this.ofLogs.sort(([a], [b]) => a - b)) this.addToPiece(id, text);
    if (this.ids.length > 0) this.sendPiece();
    if (this.isPending || (this.removed.length > 0 && existsSync(this.file))) this.commit();
    this.forget();
  }

  /** Rejects when they are not: then nothing of the batch is stored. */
  committed(): Promise<void> {
    return this.committing;
  }

  /** The rows are committed as well. */
  reached(): void {
    this.isAhead = false;
  }

  clear(): void {
    if (this.isPending) this.thread.send({ operation: 'rollback', file: this.file });
    this.isPending = false;
    this.forget();
  }

  /** What is committed is committed by then. `finished`: nothing will be added. */
  async close({ finished }: { finished: boolean }): Promise<void> {
    if (this.thread.isRunning) await this.thread.ask({ operation: 'close', file: this.file, finished });
    else if (finished) inTextFile(this.file, (texts) => texts.emptyLog());
  }

  private addToPiece(id: number, text: string): void {
    this.ids.push(id);
    this.texts.push(text);
    this.chars += text.length;
    if (this.ids.length >= PIECE_TEXTS || this.chars >= PIECE_CHARS) this.sendPiece();
  }

  private sendPiece(): void {
    this.isPending = true;
    this.thread.send({ operation: 'add', file: this.file, ids: this.ids, texts: this.texts });
    this.ids = [];
    this.texts = [];
    this.chars = 0;
  }

  private commit(): void {
    this.isPending = false;
    this.isAhead = true;
    const asked = this.thread.ask({ operation: 'commit', file: this.file, removed: this.removed });
    this.committing = asked.then((bytes) => {
      this.bytes = bytes;
    });
    // Whoever inserts the rows may fail before anybody waits.
    this.committing.catch(() => {});
  }

  private forget(): void {
    this.ids = [];
    this.texts = [];
    this.chars = 0;
    this.ofLogs = [];
    this.removed = [];
  }
}
