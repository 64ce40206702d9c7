import { describe, expect, it, onTestFinished } from 'vitest';
import type { Part } from '../../exporters/batch.js';
import { bySignal, type Chooser, inTurn } from '../../exporters/chooser.js';
import { range } from '../buffer/fixture.js';
import { startHttpBackend } from '../helpers/otlp-backend.js';
import { appendSpans, delivered, frameWith, httpTransports, idsOf, spanId, spanOf, startExporter } from './fixture.js';

async function backend() {
  const started = await startHttpBackend();
  onTestFinished(() => started.close());
  return started;
}

const keeping = (keep: (part: Part) => boolean): Chooser => ({ choose: async (parts) => parts.filter(keep) });

describe('a chooser', () => {
  it('keeps frames from its exporter, which releases them all the same', async () => {
    const sink = await backend();
    const chooser = keeping(({ sequence }) => sequence % 2 === 0);
    const test = await startExporter({ transports: httpTransports(sink.address), chooser });
    for (const number of range(1, 6)) await test.buffer.append(frameWith([spanOf(number)]));
    await delivered(test);
    expect(idsOf(sink.taken).sort()).toEqual([2, 4, 6].map(spanId));
    expect(test.happenings.filter(({ name }) => name !== 'delivered')).toEqual([]);
    expect(test.exporter.state().droppedItems).toBe(0);
  });

  it('that leaves nothing sends nothing, and releases the range', async () => {
    const sink = await backend();
    const test = await startExporter({ transports: httpTransports(sink.address), chooser: keeping(() => false) });
    await appendSpans(test.buffer, range(1, 5));
    await delivered(test);
    expect(sink.requests).toEqual([]);
  });

  it('that fails is told as stuck, and asked again with payloads of its own: nothing is lost, or counted twice', async () => {
    const sink = await backend();
    let failures = 1;
    const chooser: Chooser = {
      async choose(parts, _signal, tell) {
        tell({ signal: 'traces', processor: 'filter', incoming: 4, outgoing: 1 });
        if (failures-- === 0) return parts;
        for (const { payload } of parts) payload.fill(0);
        throw new Error('its thread is gone');
      },
    };
    const test = await startExporter({ transports: httpTransports(sink.address), chooser });
    await test.buffer.append(frameWith([spanOf(1)]));
    await delivered(test);
    expect(idsOf(sink.taken)).toEqual([spanId(1)]);
    expect(test.happenings).toMatchObject([
      { name: 'stuck', reason: 'its thread is gone' },
      { name: 'delivered' },
      // Once, for what was released.
      { name: 'processed', exporter: 'otlp', processor: 'filter', incoming: 4, outgoing: 1 },
    ]);
  });

  it('that never answers does not hold a shutdown up, and its range stays', async () => {
    const sink = await backend();
    const chooser: Chooser = {
      choose: (parts, signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(parts))),
    };
    const test = await startExporter({ transports: httpTransports(sink.address), chooser });
    await test.buffer.append(frameWith([spanOf(1)]));
    await test.exporter.shutdown({ deadlineMs: 50 });
    expect(test.exporter.state()).toMatchObject({ lag: { frames: 1 }, droppedItems: 0 });
    expect(sink.requests).toEqual([]);
  });
});

describe('several choosers', () => {
  const part = (sequence: number, signal: Part['signal'] = 'traces'): Part => ({
    sequence,
    piece: '',
    signal,
    workspace: 'w',
    items: 1,
    receivedTimeUnixMs: 0,
    payload: Buffer.alloc(1),
  });
  const { signal } = new AbortController();
  const sequences = (parts: Part[]) => parts.map(({ sequence }) => sequence);

  it('choose one after another from what is left', async () => {
    const seen: number[][] = [];
    const last: Chooser = {
      async choose(parts) {
        seen.push(sequences(parts));
        return parts;
      },
    };
    const all = inTurn([keeping(({ sequence }) => sequence > 1), keeping(({ sequence }) => sequence < 4), last]);
    expect(
      sequences(
        await all.choose(
          [1, 2, 3, 4].map((each) => part(each)),
          signal,
          () => {},
        ),
      ),
    ).toEqual([2, 3]);
    expect(seen).toEqual([[2, 3]]);
  });

  it('of signals see their own parts alone; those of others pass', async () => {
    const chooser = bySignal({ traces: keeping(({ sequence }) => sequence === 3), logs: keeping(() => false) });
    const parts = [part(1), part(2, 'logs'), part(3), part(4, 'metrics')];
    expect(sequences(await chooser.choose(parts, signal, () => {}))).toEqual([3, 4]);
  });
});
