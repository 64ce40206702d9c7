import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { fileSettings } from '../../../exporters/file/config.js';
import { createFileTransports } from '../../../exporters/file/transport.js';
import { type Disk, nodeDisk } from '../../../src/buffer/disk.js';
import { range, shutDown, temporaryDirectory } from '../../buffer/fixture.js';
import { inPlace } from '../encoder.js';
import { appendSpans, delivered, spanId, startExporter, until } from '../fixture.js';

function transportsTo(directory: string, settings: Record<string, string> = {}, disk: Disk = nodeDisk) {
  const config = { ...fileSettings.parse(settings), path: path.join(directory, 'out', 'audit.ndjson') };
  return createFileTransports({ config, pool: inPlace, disk });
}

interface Line {
  resourceSpans: { scopeSpans: { spans: { spanId: string }[] }[] }[];
}

/** Every line must be whole, of whatever file. */
function idsIn(directory: string): string[] {
  const folder = path.join(directory, 'out');
  const texts = readdirSync(folder).map((name) => readFileSync(path.join(folder, name), 'utf8'));
  const lines = texts.flatMap((text) => text.split('\n').slice(0, -1)).map((line) => JSON.parse(line) as Line);
  return lines.flatMap(({ resourceSpans }) =>
    resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans.map((span) => span.spanId))),
  );
}

it('a span is missing in the files, or there twice without a reason', async () => {
  const directory = await temporaryDirectory();
  const transports = transportsTo(directory, { maxBytes: '1000', maxFiles: '1000' });
  const test = await startExporter({ transports, queue: { maxRequestItems: '5' } });
  await appendSpans(test.buffer, range(0, 199));
  await delivered(test);
  expect(idsIn(directory).sort()).toEqual(range(0, 199).map(spanId));
  expect(readdirSync(path.join(directory, 'out')).length).toBeGreaterThan(5);
});

it('a disk that was full for a while loses a span', async () => {
  const directory = await temporaryDirectory();
  let isFull = true;
  const disk: Disk = {
    ...nodeDisk,
    async writev(fd, pieces, position) {
      if (!isFull) return nodeDisk.writev(fd, pieces, position);
      await nodeDisk.writev(fd, [pieces[0]!.subarray(0, 7)], position);
      throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    },
  };
  const test = await startExporter({ transports: transportsTo(directory, {}, disk), queue: { circuitFailures: '3' } });
  await appendSpans(test.buffer, range(0, 49));
  await until(() => test.exporter.state().circuit === 'open', 'a circuit that is open');
  expect(test.exporter.state().lastError?.message).toMatch(/ENOSPC/);
  isFull = false;
  await delivered(test);
  expect(idsIn(directory).sort()).toEqual(range(0, 49).map(spanId));
  expect(test.letters).toEqual([]);
});

it('a restart loses a span, or leaves half a line', async () => {
  const directory = await temporaryDirectory();
  const first = await startExporter({ transports: transportsTo(directory), directory, queue: { lingerMs: '20' } });
  await appendSpans(first.buffer, range(0, 99));
  await first.exporter.shutdown({ deadlineMs: 0 });
  await shutDown(first.buffer);
  const second = await startExporter({ transports: transportsTo(directory), directory });
  await appendSpans(second.buffer, range(100, 119));
  await delivered(second);
  expect([...new Set(idsIn(directory))].sort()).toEqual(range(0, 119).map(spanId));
});
