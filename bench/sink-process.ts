import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { cpuSecondsOf } from './gateway-process.js';

export interface SinkProcess {
  /** host:port */
  readonly address: string;
  cpuSeconds(): number;
  /** Spans that have arrived. */
  spans(): Promise<number>;
  /** Resolves when so many have; fails when no more come for a while. */
  until(spans: number): Promise<void>;
  end(): Promise<void>;
}

const POLL_MS = 20;
const PATIENCE_MS = 30_000;

async function reply<Message>(child: ChildProcess): Promise<Message> {
  const [message] = (await once(child, 'message')) as [Message];
  return message;
}

export async function startSink(): Promise<SinkProcess> {
  const here = fileURLToPath(import.meta.url);
  const child = fork(path.join(path.dirname(here), `sink${path.extname(here)}`));
  const { port } = await reply<{ port: number }>(child);
  const count = async () => {
    child.send('count');
    return (await reply<{ spans: number }>(child)).spans;
  };
  return {
    address: `127.0.0.1:${port}`,
    cpuSeconds: () => cpuSecondsOf(child.pid!),
    spans: count,
    async until(spans) {
      let last = { spans: 0, atMs: performance.now() };
      for (;;) {
        const now = await count();
        if (now >= spans) return;
        if (now > last.spans) last = { spans: now, atMs: performance.now() };
        if (performance.now() - last.atMs > PATIENCE_MS) throw new Error(`${spans - now} spans have not arrived`);
        await sleep(POLL_MS);
      }
    },
    async end() {
      const exited = once(child, 'exit');
      child.kill();
      await exited;
    },
  };
}
