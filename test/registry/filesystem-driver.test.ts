import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PromptDriver } from '../../src/registry/driver.js';
import { nopRegistryEvents } from '../../src/registry/events.js';
import { createFilesystemDriver } from '../../src/registry/git/filesystem-driver.js';
import { ProgramRepository } from '../../src/registry/git/program-repository.js';
import { type DriverPlace, driverContract, versionOf } from './driver-contract.js';

type Implementation = 'program' | 'script';

interface GitPlace extends DriverPlace {
  directory: string;
  /** As a person at the shell would. */
  git(...command: string[]): string;
}

async function makePlace(git: Implementation): Promise<GitPlace> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'prompts-'));
  const directory = path.join(folder, 'repository');
  const drivers: PromptDriver[] = [];
  return {
    directory,
    git: (...command) => {
      const person = ['-c', 'user.name=Grace', '-c', 'user.email=grace@example.com'];
      return execFileSync('git', ['-C', directory, ...person, ...command], { encoding: 'utf8' }).trim();
    },
    async open() {
      const driver = createFilesystemDriver({ directory, git, events: nopRegistryEvents });
      await driver.start();
      drivers.push(driver);
      return driver;
    },
    async remove() {
      for (const driver of drivers) await driver.shutdown({ deadlineMs: 5_000 });
      await rm(folder, { recursive: true, force: true });
    },
  };
}

describe.each<Implementation>(['program', 'script'])('the filesystem driver, Git by %s', (git) => {
  driverContract(() => makePlace(git));

  let place: GitPlace;
  let driver: PromptDriver;
  beforeEach(async () => {
    place = await makePlace(git);
    driver = await place.open();
  });
  afterEach(() => place.remove());

  const commitByHand = async (file: string, content: string, message = 'By hand') => {
    const at = path.join(place.directory, file);
    await mkdir(path.dirname(at), { recursive: true });
    await writeFile(at, content);
    place.git('add', file);
    place.git('commit', '-m', message);
    return place.git('rev-parse', 'HEAD');
  };

  it('a control character in a message hides the files of its commit', async () => {
    const head = await commitByHand('prompts/odd/1.0.0.json', '{}', 'First \u0001 second');
    const { versions } = await driver.arrivals(undefined);
    expect(versions).toMatchObject([{ name: 'odd', version: '1.0.0', commitSha: head }]);
  });

  it('versions that are adopted at the same moment hold one another up, or one of them is taken twice', async () => {
    const names = Array.from({ length: 30 }, (_, at) => `prompt-${at}`);
    for (const name of names) {
      await mkdir(path.join(place.directory, 'prompts', name), { recursive: true });
      await writeFile(path.join(place.directory, 'prompts', name, '1.0.0.json'), '{}');
    }
    place.git('add', '.');
    place.git('commit', '-m', 'All of them');
    const head = place.git('rev-parse', 'HEAD');
    // One that has its tag already, and one whose tag another one's name leaves no room for.
    place.git('tag', 'prompts/prompt-3/1.0.0', head);
    place.git('tag', 'prompts/prompt-4', head);
    const versions = [...names, 'prompt-7'].map((name) => ({
      workspace: 'default',
      name,
      version: '1.0.0',
      commitSha: head,
      createdTimeUnixMs: undefined,
    }));
    const adopted = await Promise.allSettled(versions.map((version) => driver.adopt(version)));
    const failed = adopted.flatMap(({ status }, at) => (status === 'rejected' ? [versions[at]!.name] : []));
    expect(failed).toEqual(['prompt-4']);
    const tagged = place.git('tag', '--list', 'prompts/*/1.0.0').split('\n');
    expect(tagged).toHaveLength(29);
  });

  it('leaves a repository that git reads: a commit with its author, a tag, a clean tree, no fault', async () => {
    const first = await driver.write(versionOf());
    const second = await driver.write(versionOf({ workspace: 'acme', name: 'a-b_C', version: '0.1.0-rc.1' }));
    expect(place.git('log', '--format=%H %an %s')).toBe(
      `${second.commitSha} Ada Add a-b_C 0.1.0-rc.1\n${first.commitSha} Ada Add welcome 1.0.0`,
    );
    expect(place.git('rev-parse', 'prompts/welcome/1.0.0')).toBe(first.commitSha);
    expect(place.git('rev-parse', 'workspaces/acme/prompts/a-b_C/0.1.0-rc.1')).toBe(second.commitSha);
    expect(place.git('status', '--porcelain')).toBe('');
    expect(place.git('fsck', '--strict')).not.toMatch(/error|missing|dangling/);
    expect(readFileSync(driver.pathOf(versionOf())!, 'utf8')).toBe(versionOf().content);
  });

  it('can be cloned', async () => {
    await driver.write(versionOf());
    const clone = path.join(place.directory, '..', 'clone');
    execFileSync('git', ['clone', '--quiet', place.directory, clone]);
    expect(readFileSync(path.join(clone, 'prompts/welcome/1.0.0.json'), 'utf8')).toBe(versionOf().content);
  });

  it('is told of what people commit, through a merge as it was merged, and of nothing else', async () => {
    await driver.write(versionOf());
    const { revision } = await driver.arrivals(undefined);
    const added = await commitByHand('prompts/farewell/1.0.0.json', '{"by":"hand"}\n');
    await commitByHand('prompts/farewell/README.md', 'no prompt');
    await commitByHand('elsewhere/prompts/x/1.0.0.json', '{}');
    place.git('checkout', '-q', '-b', 'idea');
    await commitByHand('prompts/idea/1.0.0.json', '{"draft":1}\n');
    await commitByHand('prompts/idea/1.0.0.json', '{"draft":2}\n');
    place.git('checkout', '-q', 'main');
    place.git('merge', '-q', '--no-ff', '-m', 'Merge', 'idea');
    const { versions } = await driver.arrivals(revision);
    expect(versions).toMatchObject([
      { name: 'farewell', version: '1.0.0', commitSha: added, author: 'Grace', message: 'By hand' },
      { name: 'idea', version: '1.0.0', message: 'Merge' },
    ]);
    expect(await driver.read(versions[1]!)).toBe('{"draft":2}\n');
  });

  it('keeps a version as it was, whatever people do to its file', async () => {
    const stored = await driver.write(versionOf());
    await commitByHand('prompts/welcome/1.0.0.json', '{"changed":true}\n');
    expect(await driver.read(stored)).toBe(versionOf().content);
    expect(await driver.find(versionOf())).toEqual(stored);
    place.git('rm', '-q', 'prompts/welcome/1.0.0.json');
    place.git('commit', '-m', 'Gone');
    expect(await driver.read((await driver.find(versionOf()))!)).toBe(versionOf().content);
    await expect(driver.write(versionOf({ content: '{}' }))).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('does not keep what came and went before anybody looked', async () => {
    await commitByHand('prompts/brief/1.0.0.json', '{}\n');
    place.git('rm', '-q', 'prompts/brief/1.0.0.json');
    place.git('commit', '-m', 'Gone');
    const [arrival] = (await driver.arrivals(undefined)).versions;
    expect(await driver.adopt(arrival!)).toBeUndefined();
  });

  it('takes nothing with it that a person has staged, and leaves their drafts', async () => {
    await driver.write(versionOf());
    writeFileSync(path.join(place.directory, 'staged.txt'), 'staged');
    place.git('add', 'staged.txt');
    await mkdir(path.join(place.directory, 'prompts/draft'), { recursive: true });
    const draft = path.join(place.directory, 'prompts/draft/1.0.0.json');
    writeFileSync(draft, 'my draft');
    const stored = await driver.write(versionOf({ name: 'draft' }));
    expect(place.git('show', '--name-only', '--format=', stored.commitSha!)).toBe('prompts/draft/1.0.0.json');
    expect(readFileSync(draft, 'utf8')).toBe('my draft');
    expect(place.git('status', '--porcelain', 'staged.txt')).toBe('A  staged.txt');
    expect(await driver.read(stored)).toBe(versionOf({ name: 'draft' }).content);
  });

  it('does not touch a working tree that shows another branch', async () => {
    await driver.write(versionOf());
    place.git('checkout', '-q', '-b', 'other');
    const stored = await driver.write(versionOf({ version: '2.0.0' }));
    expect(place.git('status', '--porcelain')).toBe('');
    expect(place.git('rev-parse', 'main')).toBe(stored.commitSha);
    expect(existsSync(driver.pathOf(versionOf({ version: '2.0.0' }))!)).toBe(false);
  });

  it('waits for the lock of another git, and writes once it is gone', async () => {
    await driver.write(versionOf());
    const lock = path.join(place.directory, '.git/refs/heads/main.lock');
    writeFileSync(lock, '');
    const writing = driver.write(versionOf({ version: '2.0.0' }));
    await new Promise((resolve) => setTimeout(resolve, 100));
    await rm(lock);
    expect(await driver.read(await writing)).toBe(versionOf({ version: '2.0.0' }).content);
  });

  it('completes what was broken off behind the commit', async () => {
    const stored = await driver.write(versionOf());
    place.git('tag', '-d', 'prompts/welcome/1.0.0');
    await rm(driver.pathOf(versionOf())!);
    expect(await driver.find(versionOf())).toEqual(stored);
    expect(place.git('rev-parse', 'prompts/welcome/1.0.0')).toBe(stored.commitSha);
    expect(place.git('status', '--porcelain')).toBe('');
  });

  it('completes it at the commit that brought it, whatever people have done to the file since', async () => {
    const stored = await driver.write(versionOf());
    place.git('tag', '-d', 'prompts/welcome/1.0.0');
    await commitByHand('prompts/welcome/1.0.0.json', '{"changed":true}\n');
    await commitByHand('prompts/other/1.0.0.json', '{}\n');
    expect(await driver.find(versionOf())).toEqual(stored);
    expect(await driver.read(stored)).toBe(versionOf().content);
    expect(place.git('rev-parse', 'prompts/welcome/1.0.0')).toBe(stored.commitSha);
    expect(place.git('status', '--porcelain')).toBe('');
    expect(await driver.write(versionOf())).toEqual(stored);
  });

  it('tells of a long history with odd messages in whole, and as they were written', async () => {
    const message = `Ünïcode 🦊 \u0001 ${'x'.repeat(70_000)}\n\nprompts/no/1.0.0.json`;
    for (const name of ['first', 'second', 'third']) await commitByHand(`prompts/${name}/1.0.0.json`, '{}', message);
    const { versions } = await driver.arrivals(undefined);
    expect(versions.map(({ name, message: told }) => [name, told === message])).toEqual([
      ['first', true],
      ['second', true],
      ['third', true],
    ]);
  });

  it('reads on when git has packed everything', async () => {
    const stored = await driver.write(versionOf());
    place.git('gc', '--quiet', '--prune=now');
    expect(await driver.read(stored)).toBe(versionOf().content);
    const next = await driver.write(versionOf({ version: '2.0.0' }));
    expect(await driver.find(versionOf({ version: '2.0.0' }))).toEqual(next);
    expect(await driver.find(versionOf())).toEqual(stored);
  });
});

it('many files of one commit are told apart: those that it has, and those that it has not', async () => {
  const place = await makePlace('program');
  try {
    const driver = await place.open();
    const names = Array.from({ length: 300 }, (_, at) => `p-${at}`);
    for (const name of names) {
      await mkdir(path.join(place.directory, 'prompts', name), { recursive: true });
      await writeFile(path.join(place.directory, 'prompts', name, '1.0.0.json'), `of ${name}`);
    }
    place.git('add', '.');
    place.git('commit', '-m', 'All of them');
    const { versions } = await driver.arrivals(undefined);
    const missing = { ...versions[0]!, name: 'nobody' };
    for (let round = 0; round < 3; round++) {
      expect(await driver.adopt(missing)).toBeUndefined();
      const adopted = await Promise.all(versions.map((version) => driver.adopt(version)));
      const texts = await Promise.all(adopted.map((version) => driver.read(version!)));
      expect(texts).toEqual(versions.map(({ name }) => `of ${name}`));
      expect(await driver.read(missing)).toBeUndefined();
    }
  } finally {
    await place.remove();
  }
});

it('a tag that a power cut has left as an empty file is made anew', async () => {
  const place = await makePlace('program');
  try {
    const driver = await place.open();
    const stored = await driver.write(versionOf());
    writeFileSync(path.join(place.directory, '.git/refs/tags/prompts/welcome/1.0.0'), '');
    expect(await driver.find(versionOf())).toEqual(stored);
    expect(place.git('rev-parse', 'prompts/welcome/1.0.0')).toBe(stored.commitSha);
  } finally {
    await place.remove();
  }
});

it('a repository that is closed while tags are made starts no git that nobody ends', async () => {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'prompts-'));
  try {
    const repository = new ProgramRepository(directory);
    await repository.open();
    const author = { author: 'Ada', message: 'x', timeUnixMs: 0 };
    const commit = await repository.commit({ parent: undefined, path: 'prompts/p', content: 'x', ...author });
    await repository.createTag('prompts/p', commit!);
    // Neither can be made: it is looked whether they are there.
    const making = ['prompts/p', 'prompts/p/1.0.0'].map((tag) => repository.createTag(tag, commit!));
    const [outcomes] = await Promise.all([Promise.allSettled(making), repository.close()]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    await expect(repository.tagged('prompts/p')).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
