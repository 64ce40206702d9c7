/**
 * The salt of the keys' hashes: from the settings, or made at the first start and kept in DATA_DIR. The database keeps a
 * check value of it, never the salt: a gateway with another salt would refuse every key, and says so at its start instead.
 */
import { randomBytes, randomUUID, scrypt } from 'node:crypto';
import { link, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { GatewayError } from '../errors.js';

const SALT_BYTES = 32;
const MIN_SALT_LENGTH = 16;
/** Mounts that know no hard links. */
const NO_LINKS = new Set(['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP']);

export function saltFile(dataDirectory: string): string {
  return path.join(dataDirectory, 'api-key-salt');
}

/** undefined when there is none. Throws CONFIG_INVALID for a file that holds no salt. */
export async function readSalt(file: string): Promise<string | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new GatewayError('DATA_DIR_UNUSABLE', `The salt in ${file} can't be read: ${error.message}`);
  });
  const salt = text?.trim();
  if (salt === undefined || salt.length >= MIN_SALT_LENGTH) return salt;
  throw new GatewayError('CONFIG_INVALID', `${file} holds no salt: expected at least ${MIN_SALT_LENGTH} characters`);
}

/** Makes the file, unless another process was quicker, and answers what it holds. It lasts through a power cut. */
export async function makeSalt(file: string): Promise<string> {
  const draft = `${file}.${randomUUID()}`;
  await writeDraft(draft, `${randomBytes(SALT_BYTES).toString('hex')}\n`);
  try {
    await putInPlace(draft, file);
  } finally {
    await rm(draft, { force: true });
  }
  await syncFolder(path.dirname(file));
  return (await readSalt(file))!;
}

async function writeDraft(file: string, text: string): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A link, unlike a rename, never replaces a file that is there: whoever comes second takes the first one's salt. */
async function putInPlace(draft: string, file: string): Promise<void> {
  try {
    await link(draft, file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (NO_LINKS.has(code)) await rename(draft, file);
    else if (code !== 'EEXIST') throw error;
  }
}

async function syncFolder(folder: string): Promise<void> {
  // Windows can't open a directory, and needs no such sync.
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Tells salts apart and nothing of them: scrypt makes guessing a weak one slow, and each installation's differ. */
export async function checkValueOf(salt: string, installationId: string): Promise<string> {
  const derived = await promisify<string, string, number, Buffer>(scrypt)(salt, `api-key-salt ${installationId}`, 32);
  return derived.toString('hex');
}
