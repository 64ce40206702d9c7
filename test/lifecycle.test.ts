import { describe, expect, it } from 'vitest';
import type { Component } from '../src/component.js';
import { Life, shutdownAll, startAll } from '../src/lifecycle.js';

function record(log: string[], name: string, faults: { start?: boolean; shutdown?: boolean } = {}): Component {
  return {
    name,
    async start() {
      log.push(`start ${name}`);
      if (faults.start) throw new Error(`${name} can't start`);
    },
    async shutdown() {
      log.push(`stop ${name}`);
      if (faults.shutdown) throw new Error(`${name} can't stop`);
    },
  };
}

describe('a row of components', () => {
  it('starts forwards and stops the other way round', async () => {
    const log: string[] = [];
    const row = ['a', 'b', 'c'].map((name) => record(log, name));
    await startAll(row);
    await shutdownAll(row, 1000);
    expect(log).toEqual(['start a', 'start b', 'start c', 'stop c', 'stop b', 'stop a']);
  });

  it('shuts down what had started, and what failed half-way, when one fails to start', async () => {
    const log: string[] = [];
    const row = [record(log, 'a'), record(log, 'b', { start: true }), record(log, 'c')];
    await expect(startAll(row)).rejects.toThrow("b can't start");
    expect(log).toEqual(['start a', 'start b', 'stop b', 'stop a']);
  });

  it('stops every one although one fails, and throws that failure', async () => {
    const log: string[] = [];
    const row = [record(log, 'a'), record(log, 'b', { shutdown: true }), record(log, 'c')];
    await expect(shutdownAll(row, 1000)).rejects.toThrow("b can't stop");
    expect(log).toEqual(['stop c', 'stop b', 'stop a']);
  });

  it('hands each component what is left of the deadline', async () => {
    const deadlines: number[] = [];
    const slow = (): Component => ({
      name: 'slow',
      async start() {},
      async shutdown({ deadlineMs }) {
        deadlines.push(deadlineMs);
        await new Promise((resolve) => setTimeout(resolve, 20));
      },
    });
    await shutdownAll([slow(), slow()], 1000);
    expect(deadlines[0]).toBeLessThanOrEqual(1000);
    expect(deadlines[1]).toBeLessThan(deadlines[0]!);
  });
});

describe('a gateway', () => {
  const frame = {} as Parameters<Parameters<Life['whileServing']>[0]['append']>[0];

  it('is not told of as it starts, serves and drains, or takes data while it drains', async () => {
    const life = new Life();
    const log: string[] = [];
    const told = { ready: () => log.push('ready'), stopped: () => log.push('stopped') };
    const { start, shutdown } = life.of([record(log, 'a')], told);
    const next = { append: async () => ({ batchId: 'b' }) as never };
    const states = [life.state()];
    await start();
    states.push(life.state());
    await life.whileServing(next).append(frame);
    const ended = shutdown({ deadlineMs: 1000 });
    states.push(life.state());
    await expect(life.whileServing(next).append(frame)).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    await ended;
    expect(states).toEqual(['starting', 'serving', 'draining']);
    expect(log).toEqual(['start a', 'ready', 'stop a', 'stopped']);
  });
});
