/** Reads objects through one long-lived `git cat-file --batch`: a process for each of them would cost milliseconds. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { GatewayError } from '../../errors.js';
import { MAX_FILE_BYTES } from './repository.js';

export interface GitObject {
  id: string;
  /** undefined when it is larger than a prompt can be. */
  content: Buffer | undefined;
}

interface Question {
  resolve(found: GitObject | undefined): void;
  reject(error: unknown): void;
}

type Child = ChildProcessByStdio<Writable, Readable, null>;

const NEWLINE = 10;
const HEADER = /^([0-9a-f]{40,64}) [a-z]+ (\d+)$/;

/** What one process says: `<id> <type> <size>`, the content, a newline; or a line that ends in `missing`. */
class Answers {
  private pieces: Buffer[] = [];
  private bytes = 0;
  private header: { id: string; size: number } | undefined;
  /** Of a content that nobody wants. */
  private skip = 0;

  constructor(private readonly answer: (found: GitObject | undefined) => void) {}

  take(chunk: Buffer): void {
    const skipped = Math.min(this.skip, chunk.length);
    this.skip -= skipped;
    if (skipped < chunk.length) this.pieces.push(chunk.subarray(skipped));
    this.bytes += chunk.length - skipped;
    // A content is put together once it has come in whole.
    if (this.header && this.bytes <= this.header.size) return;
    this.read(Buffer.concat(this.pieces));
  }

  private read(all: Buffer): void {
    let rest = all;
    for (let next = this.step(rest); next !== undefined; next = this.step(rest)) rest = next;
    this.pieces = rest.length > 0 ? [rest] : [];
    this.bytes = rest.length;
  }

  /** What is left behind one step; undefined when there is too little for it. */
  private step(rest: Buffer): Buffer | undefined {
    return this.header ? this.readContent(this.header, rest) : this.readHeader(rest);
  }

  private readHeader(rest: Buffer): Buffer | undefined {
    const end = rest.indexOf(NEWLINE);
    if (end === -1) return undefined;
    const [, id, size] = HEADER.exec(rest.toString('utf8', 0, end)) ?? [];
    const behind = rest.subarray(end + 1);
    if (id === undefined) this.answer(undefined);
    else if (Number(size) > MAX_FILE_BYTES) return this.skipContent(id, Number(size), behind);
    else this.header = { id, size: Number(size) };
    return behind;
  }

  private skipContent(id: string, size: number, behind: Buffer): Buffer {
    this.answer({ id, content: undefined });
    this.skip = Math.max(0, size + 1 - behind.length);
    return behind.subarray(Math.min(size + 1, behind.length));
  }

  private readContent({ id, size }: { id: string; size: number }, rest: Buffer): Buffer | undefined {
    if (rest.length < size + 1) return undefined;
    this.header = undefined;
    this.answer({ id, content: Buffer.from(rest.subarray(0, size)) });
    return rest.subarray(size + 1);
  }
}

export class ObjectReader {
  private child: Child | undefined;
  private questions: Question[] = [];
  private closed = false;

  /** `arguments_`: those of git that stand before the command. */
  constructor(private readonly arguments_: readonly string[]) {}

  /** An expression that gitrevisions(7) knows, in one line. */
  read(expression: string): Promise<GitObject | undefined> {
    return new Promise((resolve, reject) => {
      const child = this.running();
      this.questions.push({ resolve, reject });
      child.stdin.write(`${expression}\n`);
    });
  }

  /** For good. What was asked before is answered. */
  async close(): Promise<void> {
    this.closed = true;
    const { child } = this;
    if (!child) return;
    const ended = child.exitCode === null && child.signalCode === null ? once(child, 'close') : undefined;
    child.stdin.end();
    await ended;
  }

  private running(): Child {
    if (this.child) return this.child;
    // Nobody would end it.
    if (this.closed) throw new GatewayError('SHUTTING_DOWN', 'The repository is closed');
    const child = spawn('git', [...this.arguments_, 'cat-file', '--batch'], { stdio: ['pipe', 'pipe', 'ignore'] });
    const answers = new Answers((found) => this.questions.shift()?.resolve(found));
    child.stdout.on('data', (chunk: Buffer) => answers.take(chunk));
    child.on('error', (error) => this.lose(child, error));
    child.on('close', () => this.lose(child, undefined));
    // Its end is told by `close`.
    child.stdin.on('error', () => {});
    this.child = child;
    return child;
  }

  private lose(child: Child, cause: unknown): void {
    if (this.child !== child) return;
    this.child = undefined;
    const waiting = this.questions;
    this.questions = [];
    for (const { reject } of waiting) {
      reject(new GatewayError('STORE_UNAVAILABLE', 'git cat-file has ended', { cause }));
    }
  }
}
