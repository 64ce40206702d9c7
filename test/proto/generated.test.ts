import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { generate } from '../../proto/generate.js';

it('the committed module is what the definitions produce', async () => {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'proto-'));
  try {
    await generate(directory);
    for (const name of ['otlp.js', 'otlp.d.ts']) {
      const committed = await readFile(new URL(`../../proto/generated/${name}`, import.meta.url), 'utf8');
      expect((await readFile(path.join(directory, name), 'utf8')) === committed, `${name}: run npm run proto`).toBe(
        true,
      );
    }
  } finally {
    await rm(directory, { recursive: true });
  }
});
