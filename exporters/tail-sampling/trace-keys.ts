/**
 * What a trace is known by: its id, made unlike that of another workspace's. Two workspaces may use one id, and neither may
 * have a say in what becomes of the other's trace; the mask of a workspace can't be told without the secret.
 */
import { createHmac } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { TraceKey } from './verdict-table.js';

const MAX_WORKSPACES = 10_000;
const ID_BYTES = 16;

export class TraceKeys {
  readonly #secret: Uint8Array;
  readonly #masks = new LRUCache<string, Buffer>({ max: MAX_WORKSPACES });

  constructor(secret: Uint8Array) {
    this.#secret = secret;
  }

  /** Into fresh memory. */
  of(workspace: string, bytes: Uint8Array, at = 0): TraceKey {
    const mask = this.#maskOf(workspace);
    const key = new Uint8Array(ID_BYTES);
    for (let i = 0; i < ID_BYTES; i++) key[i] = bytes[at + i]! ^ mask[i]!;
    return new Uint32Array(key.buffer);
  }

  #maskOf(workspace: string): Buffer {
    let mask = this.#masks.get(workspace);
    if (mask === undefined) {
      mask = createHmac('sha256', this.#secret).update(workspace).digest();
      this.#masks.set(workspace, mask);
    }
    return mask;
  }
}

/** For a Map. */
export function nameOf(key: TraceKey): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
}
