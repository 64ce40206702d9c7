import { readdirSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { TraceKeys } from '../../../exporters/tail-sampling/trace-keys.js';
import { VerdictJournal } from '../../../exporters/tail-sampling/verdict-journal.js';
import { type TraceKey, type Verdict, VerdictTable } from '../../../exporters/tail-sampling/verdict-table.js';
import { range, seeded, temporaryDirectory } from '../../buffer/fixture.js';

const BUFFER_ID = '0b9b2c9e-6f0e-4f0e-9d3a-0d9a3b1c2d3e';

/** Few differ in more than one word, so that slots collide. */
function keyOf(number: number): TraceKey {
  return new Uint32Array([1, number % 3, number, 7]);
}

function verdictOf(number: number): Verdict {
  return number % 3 === 0 ? 'kept' : 'dropped';
}

describe('the table of verdicts', () => {
  it('answers as a Map of them would, also while it grows', () => {
    const random = seeded(1);
    const table = new VerdictTable();
    const map = new Map<number, Verdict>();
    for (let step = 0; step < 5000; step++) {
      const number = random(3000);
      const verdict = random(2) === 0 ? 'kept' : 'dropped';
      table.add(keyOf(number), verdict);
      if (!map.has(number)) map.set(number, verdict);
    }
    expect(table.size).toBe(map.size);
    for (const number of range(0, 3000)) expect(table.get(keyOf(number))).toBe(map.get(number));
  });
});

describe('keys of traces', () => {
  it('differ by workspace, and the same id in one of them is the same trace', () => {
    const keys = new TraceKeys(Buffer.alloc(32, 5));
    const id = Buffer.from('5b8efff798038103d269b633813fc60c', 'hex');
    const within = Buffer.concat([Buffer.alloc(3), id]);
    expect(keys.of('one', id)).toEqual(keys.of('one', within, 3));
    expect(keys.of('one', id)).not.toEqual(keys.of('two', id));
    expect(keys.of('one', id)).not.toEqual(new TraceKeys(Buffer.alloc(32, 6)).of('one', id));
  });
});

describe('the journal of verdicts', () => {
  const open = (directory: string, maxVerdicts = 80, bufferId = BUFFER_ID) =>
    new VerdictJournal({ directory, bufferId, maxVerdicts });

  /** Trace n begins, and is decided, at sequence n. */
  function write(journal: VerdictJournal, from: number, to: number): void {
    for (const number of range(from, to)) {
      journal.reach(number);
      journal.add({ key: keyOf(number), verdict: verdictOf(number) });
      journal.sync();
    }
  }

  it('is what it was after it is opened again', async () => {
    const directory = await temporaryDirectory();
    const before = open(directory);
    write(before, 1, 200);
    before.close();
    const after = open(directory);
    expect(after.secret).toEqual(before.secret);
    expect(after.size).toBe(before.size);
    for (const number of range(1, 200)) {
      expect(after.recall(keyOf(number))).toEqual(before.recall(keyOf(number)));
      expect(after.at(number, keyOf(number))).toBe(verdictOf(number));
    }
    after.close();
  });

  it('forgets the oldest when there are too many, but not what is met again', async () => {
    const journal = open(await temporaryDirectory());
    for (const number of range(1, 400)) {
      write(journal, number, number);
      const known = journal.recall(keyOf(1))!;
      expect(known.verdict).toBe(verdictOf(1));
      if (!known.recent) journal.add({ key: keyOf(1), verdict: known.verdict });
    }
    expect(journal.recall(keyOf(2))).toBeUndefined();
    expect(journal.recall(keyOf(400))).toEqual({ verdict: verdictOf(400), recent: true });
    expect(journal.size).toBeLessThanOrEqual(90);
    journal.close();
  });

  it('knows for those who are far behind what it has forgotten, until nobody is', async () => {
    const directory = await temporaryDirectory();
    const journal = open(directory);
    write(journal, 1, 400);
    journal.release(0);
    for (const number of range(1, 400)) expect(journal.at(number, keyOf(number))).toBe(verdictOf(number));
    const files = journal.files;
    journal.release(250);
    expect(journal.files).toBeLessThan(files);
    expect(readdirSync(directory)).toHaveLength(journal.files);
    for (const number of range(250, 400)) expect(journal.at(number, keyOf(number))).toBe(verdictOf(number));
    expect(journal.at(1, keyOf(1))).toBeUndefined();
    journal.close();
  });

  it('has what was synced when a crash tore the last block, and goes on behind it', async () => {
    const directory = await temporaryDirectory();
    const before = open(directory);
    write(before, 1, 3);
    before.close();
    const [name] = readdirSync(directory);
    truncateSync(path.join(directory, name!), 88 + 3 * 25 - 5);
    const torn = open(directory);
    expect([1, 2, 3].map((number) => torn.recall(keyOf(number))?.verdict)).toEqual(['dropped', 'dropped', undefined]);
    write(torn, 4, 4);
    torn.close();
    const after = open(directory);
    expect(after.recall(keyOf(2))?.verdict).toBe('dropped');
    expect(after.recall(keyOf(4))?.verdict).toBe('dropped');
    after.close();
  });

  it('takes no file over that is of another buffer, or was never begun', async () => {
    const directory = await temporaryDirectory();
    const before = open(directory);
    write(before, 1, 3);
    before.close();
    writeFileSync(path.join(directory, 'verdicts-00000099'), 'torn');
    const after = open(directory, 80, BUFFER_ID.replace('0', '1'));
    expect(after.files).toBe(0);
    expect(after.recall(keyOf(1))).toBeUndefined();
    expect(readdirSync(directory)).toEqual([]);
    after.close();
  });
});
