/** Appends to a disk until that is full, makes room, appends on, and tells what came of it. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { RotatingFile } from '../../../exporters/file/rotating-file.js';

const directory = process.argv[2]!;
const filler = path.join(directory, 'filler');
const target = path.join(directory, 'audit.ndjson');
writeFileSync(filler, Buffer.alloc(2 ** 20));

const config = { maxBytes: 2 ** 30, maxAgeMs: 0, maxFiles: 10, sync: 'always', syncIntervalMs: 1 } as const;
const file = new RotatingFile({ path: target, config });
const lineOf = (number: number) => JSON.stringify({ number, text: 'x'.repeat(3000) });
const appended: string[] = [];

async function appendUntilRefused(most: number): Promise<string | undefined> {
  for (let n = 0; n < most; n++) {
    const line = lineOf(appended.length);
    try {
      await file.append(Buffer.from(line));
    } catch (error) {
      return (error as NodeJS.ErrnoException).code;
    }
    appended.push(line);
  }
  return undefined;
}

const refusals = [await appendUntilRefused(10_000), await appendUntilRefused(1)];
const whenFull = readFileSync(target, 'utf8') === appended.map((line) => `${line}\n`).join('');
rmSync(filler);
const resumed = (await appendUntilRefused(100)) === undefined;
await file.close();
const inTheEnd = readFileSync(target, 'utf8') === appended.map((line) => `${line}\n`).join('');
process.stdout.write(JSON.stringify({ refusals, whenFull, resumed, inTheEnd }));
