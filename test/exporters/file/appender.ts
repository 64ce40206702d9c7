/** A process that appends numbered lines until it is killed, and says which are acknowledged. */
import { RotatingFile } from '../../../exporters/file/rotating-file.js';

const config = { maxBytes: 20_000, maxAgeMs: 0, maxFiles: 1000, sync: 'always', syncIntervalMs: 1 } as const;
const file = new RotatingFile({ path: process.argv[2]!, config });

async function appendFrom(first: number): Promise<never> {
  for (let number = first; ; number += 8) {
    await file.append(Buffer.from(`{"n":${number},"x":"${'x'.repeat(number % 500)}"}`));
    process.stdout.write(`${number}\n`);
  }
}

await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map(appendFrom));
