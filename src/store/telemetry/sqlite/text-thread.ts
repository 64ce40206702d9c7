/**
 * A thread of a SQLite writer: what full text takes is a quarter of a batch, and goes on here while the writer inserts the rows.
 * Texts come in pieces, and are committed when they are asked for; the first failure is the answer then.
 */
import { parentPort } from 'node:worker_threads';
import { TextFile, type Texts } from './text-file.js';
import type { TextAnswer, TextMessage } from './text-messages.js';

let open: { file: string; texts: TextFile } | undefined;
let failed: { error: unknown } | undefined;

function textsOf(file: string): TextFile {
  if (open?.file !== file) {
    close();
    open = { file, texts: TextFile.open(file) };
  }
  return open!.texts;
}

function close(): void {
  const { texts } = open ?? {};
  open = undefined;
  texts?.close();
}

function add(file: string, piece: Texts): void {
  if (failed) return;
  try {
    textsOf(file).add(piece);
  } catch (error) {
    failed = { error };
  }
}

function commit(file: string, removed: readonly number[]): number {
  if (failed) throw failed.error;
  const texts = textsOf(file);
  texts.remove(removed);
  texts.commit();
  return texts.byteCount();
}

function rollback(): void {
  failed = undefined;
  open?.texts.rollback();
}

function finish(finished: boolean): number {
  if (finished) open?.texts.emptyLog();
  close();
  return 0;
}

function answer(work: () => number): void {
  parentPort!.postMessage(outcomeOf(work));
}

function outcomeOf(work: () => number): TextAnswer {
  try {
    return { bytes: work() };
  } catch (error) {
    rollback();
    const { message, code } = error as NodeJS.ErrnoException;
    return { failure: { message, code } };
  }
}

parentPort!.on('message', (message: TextMessage) => {
  if (message.operation === 'add') add(message.file, message);
  else if (message.operation === 'rollback') rollback();
  else if (message.operation === 'commit') answer(() => commit(message.file, message.removed));
  else answer(() => finish(message.finished));
});
