/** piscina pools behind the TaskPool interface: made by `start`, so that creating a gateway starts no thread. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import type { Component, TaskPool } from '../src/component.js';
import { GatewayError } from '../src/errors.js';

export type WorkerEntry =
  | 'store-writer'
  | 'sqlite-reader'
  | 'control-database'
  | 'conversation-reader'
  | 'transcoder'
  | 'export-encoder'
  | 'tail-sampler';

export interface PoolOptions {
  entry: WorkerEntry;
  threads: number;
  /** Made at the start; the others when tasks wait, and kept then. All of them when it is absent. */
  threadsAtStart?: number;
  /** Ended when nothing was asked of it for so long, and made when something is; kept from the start when it is absent. */
  idleTimeoutMs?: number;
  /** Plain data that the entry file reads from `workerData`. */
  workerData?: unknown;
  /** Tasks that may wait; one more is refused with OVERLOADED. */
  maxQueue: number;
  /** An operation that each thread runs before it is ended. */
  closeOperation?: string;
}

function entryUrl(entry: WorkerEntry): string {
  const extension = path.extname(fileURLToPath(import.meta.url));
  return new URL(`./${entry}${extension}`, import.meta.url).href;
}

export function createPool(options: PoolOptions): Component & TaskPool {
  let pool: Piscina | undefined;
  return {
    name: `pool/${options.entry}`,
    async start() {
      pool = new Piscina({
        filename: entryUrl(options.entry),
        minThreads: options.idleTimeoutMs === undefined ? (options.threadsAtStart ?? options.threads) : 0,
        maxThreads: options.threads,
        idleTimeout: options.idleTimeoutMs ?? Number.POSITIVE_INFINITY,
        maxQueue: options.maxQueue,
        workerData: options.workerData,
        // The default, 'sync', freezes a thread's timers and sockets between tasks: pg needs them, and so does a checkpoint.
        atomics: 'async',
      });
      // A thread that dies rejects its task; without a listener the same error would end the process.
      pool.on('error', () => {});
    },
    async run<Result>(operation: string, argument: unknown, transfer: readonly ArrayBuffer[] = []): Promise<Result> {
      if (!pool) throw new GatewayError('SHUTTING_DOWN', `${options.entry} is not running`);
      if (pool.queueSize >= options.maxQueue) {
        throw new GatewayError('OVERLOADED', `${options.maxQueue} tasks wait for ${options.entry} already`);
      }
      return (await pool.run({ operation, argument }, { transferList: [...transfer] })) as Result;
    },
    async shutdown({ deadlineMs }) {
      const ending = pool;
      pool = undefined;
      if (!ending) return;
      if (options.closeOperation) await closeThreads(ending, options.closeOperation, options.threads, deadlineMs);
      await ending.destroy();
    },
  };
}

/** Every thread of a pool of one gets the operation; larger pools have nothing to close but their connections. */
async function closeThreads(pool: Piscina, operation: string, threads: number, deadlineMs: number): Promise<void> {
  const closing = Array.from({ length: threads }, () => pool.run({ operation, argument: undefined }).catch(() => {}));
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise((resolve) => {
    timer = setTimeout(resolve, deadlineMs);
  });
  await Promise.race([Promise.all(closing), deadline]);
  clearTimeout(timer);
}
