/**
 * What a sender may ask for its request by: `<first 8 digits of the buffer's id>-<sequence>-<signal and second>-<seal>`.
 * It tells where the frame stands, so that nothing needs to be kept for any request; the seal is made with a secret of this
 * gateway and with the workspace, so that nobody finds out about another workspace's by counting on.
 */
import { hash, timingSafeEqual } from 'node:crypto';
import { type Appender, SIGNALS, type Signal } from '../component.js';

export interface Batch {
  sequence: number;
  signal: Signal;
  /** When it was acknowledged; to the second. */
  receivedTimeUnixMs: number;
}

export interface BatchIds {
  make(workspace: string, batch: Batch): string;
  /** undefined when it is none of this gateway's, or none of that workspace's. */
  read(workspace: string, id: string): Batch | undefined;
}

const ID = /^([0-9a-f]{8})-(\d{1,16})-([tlm])([0-9a-z]{1,8})-[\w-]{12}$/;
/** 72 bits. */
const SEAL_LENGTH = 12;
const LETTERS: Readonly<Record<Signal, string>> = { traces: 't', logs: 'l', metrics: 'm' };

/** The digits by which ids name a buffer. */
export function shortIdOf(bufferId: string): string {
  return bufferId.slice(0, 8);
}

/** Which gateway made the id, as `shortIdOf` names its buffer; undefined when it is no id of a batch. */
export function makerOf(id: string): string | undefined {
  return ID.exec(id)?.[1];
}

/** `secret`: at least 16 characters that nobody else knows. */
export function createBatchIds(bufferId: string, secret: string): BatchIds {
  const prefix = `${shortIdOf(bufferId)}-`;
  // A hash that is cut to less than half can't be gone on with, so the plain one serves as well as an HMAC, at a quarter
  // of its time. No name of a workspace has a line break.
  const seal = (workspace: string, text: string) =>
    hash('sha256', `${secret}\n${workspace}\n${text}`, 'base64url').slice(0, SEAL_LENGTH);

  return {
    make(workspace, { sequence, signal, receivedTimeUnixMs }) {
      const second = Math.floor(receivedTimeUnixMs / 1000).toString(36);
      const text = `${prefix}${sequence}-${LETTERS[signal]}${second}`;
      return `${text}-${seal(workspace, text)}`;
    },
    read(workspace, id) {
      const [, , sequence, letter, second] = ID.exec(id) ?? [];
      if (letter === undefined || !id.startsWith(prefix)) return undefined;
      const text = id.slice(0, -SEAL_LENGTH - 1);
      if (!timingSafeEqual(Buffer.from(id.slice(-SEAL_LENGTH)), Buffer.from(seal(workspace, text)))) return undefined;
      const signal = SIGNALS.find((one) => LETTERS[one] === letter)!;
      return { sequence: Number(sequence), signal, receivedTimeUnixMs: Number.parseInt(second!, 36) * 1000 };
    },
  };
}

/** Names each frame that `next` takes. While `ids` throws none is taken: it would be sent, and stored, again. */
export function withBatchIds(next: Appender, ids: () => BatchIds): Appender {
  return {
    async append(frame) {
      const own = ids();
      const { sequence } = await next.append(frame);
      const { workspace, signal } = frame;
      return { sequence, batchId: own.make(workspace, { sequence, signal, receivedTimeUnixMs: Date.now() }) };
    },
  };
}
