import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openTelemetryWriter } from '../../src/store/telemetry/writer.js';
import { decodedFrame, recordSource } from '../helpers/records.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'deleted-block-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const blocks = () => readdirSync(directory).filter((name) => name.endsWith('.db'));

it('a block that is deleted while the gateway runs gets no further rows: they go into a new one', async () => {
  const writer = await openTelemetryWriter({
    engine: 'sqlite',
    directory,
    writer: 0,
    blockMaxSpans: 1000,
    blockMaxBytes: 2 ** 30,
  });
  const records = recordSource(1);
  const write = (sequence: number) =>
    writer.write({
      bufferId: 'buffer',
      range: { first: sequence, last: sequence },
      frames: [decodedFrame(sequence, { spans: [records.span()] })],
    });
  await write(1);
  const [deleted] = blocks();
  for (const name of readdirSync(directory)) rmSync(path.join(directory, name));
  await write(2);
  await writer.close();

  expect(existsSync(path.join(directory, deleted!))).toBe(false);
  expect(blocks()).toHaveLength(1);
  const db = new Database(path.join(directory, blocks()[0]!), { readonly: true });
  expect(db.prepare('select count(*) as spans from spans').get()).toEqual({ spans: 1 });
  db.close();
});
