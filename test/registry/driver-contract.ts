/** What every storage driver of prompts must do. A suite for one driver calls it with a way to open that driver. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PromptDriver, VersionContent } from '../../src/registry/driver.js';

export interface DriverPlace {
  /** Another driver over the same content, as another gateway has it. Started. */
  open(): Promise<PromptDriver>;
  remove(): Promise<void>;
}

export function versionOf(given: Partial<VersionContent> = {}): VersionContent {
  const { workspace = 'default', name = 'welcome', version = '1.0.0' } = given;
  return {
    workspace,
    name,
    version,
    content: `${JSON.stringify({ name, version, messages: [{ role: 'user', content: `Grüezi ${name}\n` }] }, null, 2)}\n`,
    author: 'Ada',
    message: `Add ${name} ${version}`,
    timeUnixMs: 1_700_000_000_000,
    ...given,
  };
}

export function driverContract(makePlace: () => Promise<DriverPlace>): void {
  let place: DriverPlace;
  let driver: PromptDriver;
  beforeEach(async () => {
    place = await makePlace();
    driver = await place.open();
  });
  afterEach(() => place.remove());

  describe('a version', () => {
    it('is read as it was written, by every gateway', async () => {
      const version = versionOf();
      const stored = await driver.write(version);
      expect(stored).toMatchObject({ workspace: 'default', name: 'welcome', version: '1.0.0' });
      for (const each of [driver, await place.open()]) {
        expect(await each.find(version)).toEqual(stored);
        expect(await each.read(stored)).toBe(version.content);
      }
    });

    it('that nobody wrote is not found', async () => {
      await driver.write(versionOf());
      for (const missing of [{ version: '1.0.1' }, { name: 'farewell' }, { workspace: 'acme' }]) {
        expect(await driver.find(versionOf(missing))).toBeUndefined();
      }
      expect(await driver.find(versionOf())).toBeDefined();
    });

    it('is never overwritten, and the same content again is no fault', async () => {
      const version = versionOf();
      const stored = await driver.write(version);
      expect(await driver.write({ ...version, message: 'again' })).toEqual(stored);
      await expect(driver.write({ ...version, content: '{}\n' })).rejects.toMatchObject({ code: 'CONFLICT' });
      expect(await driver.read(stored)).toBe(version.content);
    });

    it('of one workspace is not another’s, though their names are the same', async () => {
      const ours = await driver.write(versionOf({ content: '{"of":"default"}\n' }));
      const theirs = await driver.write(versionOf({ workspace: 'acme', content: '{"of":"acme"}\n' }));
      expect(await driver.read(ours)).toBe('{"of":"default"}\n');
      expect(await driver.read(theirs)).toBe('{"of":"acme"}\n');
    });

    it('in folders is its own, beside prompts that are named like the folders', async () => {
      const names = ['support', 'support/eu', 'support/eu/welcome', 'workspaces/acme/prompts/x'];
      const other = versionOf({ workspace: 'acme', name: 'x', content: '{"name":"x"}\n' });
      await driver.write(other);
      for (const name of names) await driver.write(versionOf({ name, content: `{"name":"${name}"}\n` }));
      for (const name of names) {
        const found = await driver.find(versionOf({ name }));
        expect(found && (await driver.read(found))).toBe(`{"name":"${name}"}\n`);
      }
      const arrived = (await driver.arrivals(undefined)).versions.map(({ workspace, name }) => `${workspace} ${name}`);
      expect(arrived.toSorted()).toEqual([...names.map((name) => `default ${name}`), 'acme x'].toSorted());
    });

    it('may be a pre-release', async () => {
      const version = versionOf({ version: '1.5.0-rc.1' });
      expect(await driver.read(await driver.write(version))).toBe(version.content);
    });

    it('with a large content, and one with odd characters, come back to the letter', async () => {
      for (const content of [`"${'x'.repeat(3_000_000)}"\n`, '"\\u0000 \u2028 é 🦊 \r\n\t"', '', 'missing\n']) {
        const version = versionOf({ version: `1.0.${content.length}`, content });
        expect((await driver.read(await driver.write(version))) === content).toBe(true);
      }
    });
  });

  it('names that would leave their folder are refused', async () => {
    const odd = [
      '..',
      '.',
      '',
      '../../etc',
      'a/../b',
      '/a',
      'a/',
      'a//b',
      'a b',
      'a\nb',
      'a.lock',
      '-',
      'x'.repeat(129),
    ].filter((name) => name !== '-');
    for (const name of odd) {
      await expect(driver.write(versionOf({ name }))).rejects.toMatchObject({ code: 'BAD_REQUEST' });
      await expect(driver.write(versionOf({ workspace: name }))).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    }
    for (const version of [
      '',
      '..',
      '1.0',
      '../1.0.0',
      '1.0.0/..',
      '1.0.0-a.lock',
      '1.0.0\n',
      '1.0.0-',
      '1.0.0-a..b',
    ]) {
      await expect(driver.write(versionOf({ version }))).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    }
    expect(await driver.arrivals(undefined)).toMatchObject({ versions: [] });
  });

  it('writers at once, in one gateway and in two, lose nothing', async () => {
    const other = await place.open();
    const versions = Array.from({ length: 12 }, (_, at) => versionOf({ version: `1.${at}.0`, name: `p${at % 3}` }));
    const written = await Promise.all(versions.map((version, at) => (at % 2 ? other : driver).write(version)));
    for (const [at, stored] of written.entries()) {
      expect(await driver.read(stored)).toBe(versions[at]!.content);
      expect(await other.find(versions[at]!)).toEqual(stored);
    }
    const { versions: arrived } = await driver.arrivals(undefined);
    expect(arrived.map(({ version }) => version).sort()).toEqual(versions.map(({ version }) => version).sort());
  });

  it('of writers of one version, one wins and the others are told', async () => {
    const other = await place.open();
    const contents = Array.from({ length: 6 }, (_, at) => `{"writer":${at}}\n`);
    const writes = contents.map((content, at) => (at % 2 ? other : driver).write(versionOf({ content })));
    const outcomes = await Promise.allSettled(writes);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'CONFLICT' });
    }
    const winner = outcomes.findIndex(({ status }) => status === 'fulfilled');
    expect(await driver.read((await driver.find(versionOf()))!)).toBe(contents[winner]);
  });

  describe('what arrived', () => {
    it('is told once, in its order, with who wrote it', async () => {
      expect(await driver.arrivals(undefined)).toEqual({ versions: [], revision: undefined });
      const first = await driver.write(versionOf());
      const second = await driver.write(versionOf({ workspace: 'acme', author: 'Bob <b@x>', message: 'a\nb' }));
      const { versions, revision } = await driver.arrivals(undefined);
      const told = await Promise.all(versions.map(async (each) => ({ ...each, ...(await driver.adopt(each)) })));
      expect(told).toMatchObject([
        { ...first, author: 'Ada', message: 'Add welcome 1.0.0', timeUnixMs: 1_700_000_000_000 },
        // Git has no names with brackets.
        { ...second, author: expect.stringMatching(/^Bob [ <]b@x>?$/), message: 'a\nb' },
      ]);
      expect(await driver.arrivals(revision)).toEqual({ versions: [], revision });
      const third = await driver.write(versionOf({ version: '2.0.0' }));
      expect((await driver.arrivals(revision)).versions).toMatchObject([third]);
    });

    it('is all told to who comes with a revision that the store does not know', async () => {
      const stored = await driver.write(versionOf());
      expect((await driver.arrivals('1'.repeat(40))).versions).toMatchObject([stored]);
    });

    it('stays as it came once it is adopted', async () => {
      await driver.write(versionOf());
      const [arrival] = (await driver.arrivals(undefined)).versions;
      const adopted = await driver.adopt(arrival!);
      expect(adopted).toMatchObject((await driver.find(versionOf()))!);
    });
  });
}
