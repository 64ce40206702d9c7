import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { accessSettings } from '../../src/access/config.js';
import { openAccess, openAccessWithKey } from '../../src/access/open.js';
import { checkValueOf, makeSalt, readSalt, saltFile } from '../../src/access/salt.js';
import type { ControlStore } from '../../src/store/control/store.js';
import { type Place, sqliteCase } from '../store/control/dialects.js';
import { recordEvents, SALT, temporaryDirectory } from './fixture.js';

let folder: ReturnType<typeof temporaryDirectory>;
let file: string;
beforeEach(() => {
  folder = temporaryDirectory();
  file = saltFile(folder.directory);
});
afterEach(() => folder.remove());

describe('the salt file', () => {
  it('is made for its owner alone, and read back', async () => {
    const salt = await makeSalt(file);
    expect(salt).toMatch(/^[0-9a-f]{64}$/);
    expect(await readSalt(file)).toBe(salt);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder.directory)).toEqual(['api-key-salt']);
  });

  it('made by several at once, is one', async () => {
    const salts = await Promise.all(Array.from({ length: 10 }, () => makeSalt(file)));
    expect(new Set(salts).size).toBe(1);
    expect(readdirSync(folder.directory)).toEqual(['api-key-salt']);
  });

  it('is never replaced', async () => {
    writeFileSync(file, 'a salt that was there\n');
    expect(await makeSalt(file)).toBe('a salt that was there');
  });

  it('that is missing is none; one that is cut short is refused by name', async () => {
    expect(await readSalt(file)).toBeUndefined();
    writeFileSync(file, 'short');
    await expect(readSalt(file)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(file),
    });
  });

  it('can not be told from its check value, which differs between installations', async () => {
    const values = await Promise.all([checkValueOf(SALT, 'a'), checkValueOf(SALT, 'b'), checkValueOf(`${SALT}.`, 'a')]);
    expect(new Set(values).size).toBe(3);
    expect(await checkValueOf(SALT, 'a')).toBe(values[0]);
  });
});

describe('opening', () => {
  let place: Place;
  let control: ControlStore;
  beforeEach(async () => {
    place = await sqliteCase.makePlace();
    control = await place.open();
    await control.start();
  });
  afterEach(() => place.remove());

  const options = (apiKeySalt: string | undefined, dataDirectory = folder.directory) => {
    const { events, happened } = recordEvents();
    const config = accessSettings.parse(apiKeySalt === undefined ? {} : { apiKeySalt });
    return { opening: { config, dataDirectory, control, events }, happened };
  };

  it('without a salt makes one, tells where it is, and takes the same again', async () => {
    const first = options(undefined);
    const { hash } = await openAccessWithKey(first.opening);
    expect(first.happened.saltFiles).toEqual([file]);
    const second = options(undefined);
    expect((await openAccessWithKey(second.opening)).hash('pm_x')).toBe(hash('pm_x'));
    expect(second.happened.saltFiles).toEqual([]);
  });

  it('with a salt in the settings makes none, and prefers it to the one in the file', async () => {
    writeFileSync(file, 'another salt, of a file');
    const { hash } = await openAccess(options(SALT).opening);
    expect(readFileSync(file, 'utf8')).toBe('another salt, of a file');
    expect(hash('pm_x')).not.toBe((await openAccess(options(undefined).opening)).hash('pm_x'));
  });

  it('with another salt than the one that the keys were made with fails by name, and leaves no salt behind', async () => {
    await openAccessWithKey(options(SALT).opening);
    for (const salt of ['another salt, quite long', undefined]) {
      await expect(openAccessWithKey(options(salt).opening)).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining('API_KEY_SALT'),
      });
    }
    expect(readdirSync(folder.directory)).toEqual([]);
    await openAccessWithKey(options(SALT).opening);
  });

  it('takes another salt as long as there is no key', async () => {
    await openAccess(options(SALT).opening);
    const other = options('another salt, quite long');
    await openAccessWithKey(other.opening);
    expect(other.happened.firstKeys).toHaveLength(1);
    await expect(openAccess(options(SALT).opening)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('by a command makes no key', async () => {
    await openAccess(options(SALT).opening);
    expect(await control.apiKeys.any()).toBe(false);
  });

  it('at once by gateways with folders of their own ends in one salt: the others fail, and keep no salt', async () => {
    const openings = ['a', 'b', 'c', 'd'].map((name) => {
      const { directory, remove } = temporaryDirectory();
      return { name, directory, remove, ...options(undefined, directory) };
    });
    try {
      const outcomes = await Promise.allSettled(openings.map(({ opening }) => openAccessWithKey(opening)));
      const failed = outcomes.filter((outcome) => outcome.status === 'rejected');
      expect(failed.map(({ reason }) => reason.code)).toEqual(Array(3).fill('CONFIG_INVALID'));
      expect(openings.filter(({ directory }) => readdirSync(directory).length > 0)).toHaveLength(1);
      expect(openings.flatMap(({ happened }) => happened.firstKeys)).toHaveLength(1);
    } finally {
      for (const { remove } of openings) remove();
    }
  });

  it('never stores the salt in the database', async () => {
    await openAccessWithKey(options(undefined).opening);
    const salt = readFileSync(file, 'utf8').trim();
    const stored = readdirSync(place.config.dataDir).map((name) =>
      readFileSync(path.join(place.config.dataDir, name), 'latin1'),
    );
    expect(stored.some((text) => text.includes(salt))).toBe(false);
    expect(stored.some((text) => text.includes('api_key_salt_check'))).toBe(true);
  });
});
