/** A request that a thread of the encoders died of was tried again for ever, and nothing behind it went out. */
import { readFile } from 'node:fs/promises';
import { expect, it, onTestFinished } from 'vitest';
import { encodedOn, NOTHING } from '../../exporters/encoding.js';
import { fileSettings } from '../../exporters/file/config.js';
import type { RequestPayload } from '../../exporters/file/otlp-json.js';
import { createFileTransports } from '../../exporters/file/transport.js';
import type { TaskPool } from '../../src/component.js';
import { GatewayError } from '../../src/errors.js';
import { range, temporaryDirectory } from '../buffer/fixture.js';
import { inPlace } from '../exporters/encoder.js';
import { appendSpans, delivered, startExporter } from '../exporters/fixture.js';

const DEATH = 'Worker terminated due to reaching memory limit';

it('is alone among the dead letters, or takes its neighbours along', async () => {
  const deadly = Buffer.from('span 3');
  const pool: TaskPool = {
    run: async <Result>(operation: string, argument: unknown) => {
      if (operation !== NOTHING && Buffer.from((argument as RequestPayload).payload).includes(deadly)) {
        throw new Error(DEATH);
      }
      return inPlace.run<Result>(operation, argument);
    },
  };
  const directory = await temporaryDirectory();
  const path = `${directory}/all.ndjson`;
  const transports = createFileTransports({ config: { ...fileSettings.parse({}), path }, pool });
  const test = await startExporter({ transports, queue: { lingerMs: '50' } });
  onTestFinished(() => transports.traces.close());
  await appendSpans(test.buffer, range(1, 8));
  await delivered(test);
  const text = await readFile(path, 'utf8');
  expect(range(1, 8).filter((number) => text.includes(`"span ${number}"`))).toEqual([1, 2, 4, 5, 6, 7, 8]);
  expect(test.letters).toMatchObject([{ reason: `no thread survives encoding it: ${DEATH}` }]);
  expect(test.letters[0]!.payload).toEqual(expect.toSatisfy((bytes: Buffer) => bytes.includes(deadly)));
  const refused = test.happenings.filter(({ name }) => name === 'refused');
  expect(refused).toMatchObject([{ items: 1 }]);
  expect(test.exporter.state().circuit).toBe('closed');
});

it('is told as deadly when there is no thread to be had, or no room for it', async () => {
  const errors = [new Error(DEATH), new GatewayError('OVERLOADED', 'busy')];
  for (const error of errors) {
    const pool = { run: async () => Promise.reject(error) };
    await expect(encodedOn(pool, 'file-line', () => ({ argument: {} }))).rejects.toBe(error);
  }
});

it('is given up for the death of a thread that another one survives', async () => {
  let deaths = 2;
  const pool = {
    run: async <Result>(operation: string) => {
      if (operation !== NOTHING && deaths-- > 0) throw new Error(DEATH);
      return { line: 'line' } as Result;
    },
  };
  expect(await encodedOn<{ line?: string; reason?: string }>(pool, 'file-line', () => ({ argument: {} }))).toEqual({
    line: 'line',
  });
});
