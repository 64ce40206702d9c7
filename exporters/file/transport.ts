/**
 * Requests as lines of OTLP/JSON in files, for audits and tests. A line that may have been written, but was not
 * acknowledged, is written again: readers must expect repetitions, as with any exporter.
 */
import { SIGNALS, type Signal, type TaskPool } from '../../src/component.js';
import type { Answer, ExportRequest, Transport } from '../transport.js';
import type { FileConfig } from './config.js';
import { lineOf } from './line-encoding.js';
import { RotatingFile, type RotatingFileOptions } from './rotating-file.js';

export interface FileTransportOptions extends Pick<RotatingFileOptions, 'disk' | 'now'> {
  config: FileConfig & { path: string };
  /** Runs `encodeLine` as the operation ENCODE_LINE. */
  pool: TaskPool;
}

const SIGNAL = '{signal}';

/** One transport for all signals, or with `{signal}` in the path one for each. */
export function createFileTransports(options: FileTransportOptions): Record<Signal, Transport> {
  const { path } = options.config;
  const byPath = new Map<string, Transport>();
  const transportOf = (signal: Signal): Transport => {
    const file = path.replaceAll(SIGNAL, signal);
    const transport = byPath.get(file) ?? createFileTransport(file, options);
    byPath.set(file, transport);
    return transport;
  };
  const [traces, logs, metrics] = SIGNALS.map(transportOf);
  return { traces: traces!, logs: logs!, metrics: metrics! };
}

function createFileTransport(path: string, { pool, ...options }: FileTransportOptions): Transport {
  const file = new RotatingFile({ ...options, path });
  const write = async (exported: ExportRequest, abort: AbortSignal): Promise<Answer> => {
    try {
      const { line, reason } = await lineOf(exported, pool);
      if (line === undefined) return { kind: 'refused', reason, ofContent: true };
      if (abort.aborted) return ABORTED;
      await file.append(line);
      return { kind: 'accepted', rejected: 0, message: '' };
    } catch (error) {
      // A full disk, a folder that is not there, a pool that is busy: it may be otherwise the next time.
      return { kind: 'retry', reason: (error as Error).message };
    }
  };
  return {
    endpoint: `file://${path}`,
    byWorkspace: false,
    letsGo: true,
    send(exported, abort) {
      return unlessAborted(write(exported, abort), abort);
    },
    close: () => file.close(),
  };
}

const ABORTED: Answer = { kind: 'retry', reason: 'it was not waited for' };

/** A line that is under way to the disk goes on its way: nobody waits for it. */
async function unlessAborted(answer: Promise<Answer>, abort: AbortSignal): Promise<Answer> {
  const done = new AbortController();
  const aborted = new Promise<Answer>((resolve) => {
    const giveUp = () => resolve(ABORTED);
    if (abort.aborted) giveUp();
    else abort.addEventListener('abort', giveUp, { once: true, signal: done.signal });
  });
  try {
    return await Promise.race([answer, aborted]);
  } finally {
    done.abort();
  }
}
