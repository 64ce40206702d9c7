/** Tells the gateways apart that write to one index: made once, and kept in the data folder that only one of them uses. */
import { randomUUID } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

const UUID = /^[0-9a-f-]{36}$/;

export async function readWriterId(dataDirectory: string): Promise<string> {
  const file = path.join(dataDirectory, 'registry-id');
  const kept = (await readFile(file, 'utf8').catch(() => '')).trim();
  if (UUID.test(kept)) return kept;
  const id = randomUUID();
  await writeFile(`${file}.new`, `${id}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
  return id;
}
