import { describe, expect, it } from 'vitest';
import { createReload, type Reloadable, type ReloadReading } from '../../src/config-file/reload.js';

type Config = Record<string, string>;

function reading(config: Config): ReloadReading<Config> {
  return { config, faults: [], warnings: [], values: new Map(Object.entries(config)) };
}

function setUp(parts: Reloadable<Config>[]) {
  const told: unknown[] = [];
  let next = reading({ level: 'info', port: '1' });
  const reload = createReload<Config>({
    read: () => next,
    running: next.values,
    parts,
    events: {
      refused: (faults) => told.push(['refused', ...faults]),
      reloaded: ({ applied, needRestart }) => told.push({ applied, needRestart }),
      failed: (names, error) => told.push(['failed', ...names, (error as Error).message]),
    },
  });
  const to = async (reads: ReloadReading<Config>) => {
    next = reads;
    await reload();
    return told.splice(0);
  };
  return { to, reload, told };
}

describe('a configuration that is read anew', () => {
  it('is taken over where a part takes it, and needs a restart elsewhere, each time until then', async () => {
    const levels: string[] = [];
    const part = { takes: (name: string) => name === 'level', reload: ({ level }: Config) => void levels.push(level!) };
    const { to } = setUp([part]);
    const changed = reading({ level: 'debug', port: '2', new: 'x' });
    expect(await to(changed)).toEqual([{ applied: ['level'], needRestart: ['port', 'new'] }]);
    expect(await to(changed)).toEqual([{ applied: [], needRestart: ['port', 'new'] }]);
    expect(await to(reading({ level: 'debug', port: '1' }))).toEqual([{ applied: [], needRestart: [] }]);
    expect(levels).toEqual(['debug']);
  });

  it('goes on as it was when there are faults', async () => {
    const part = { takes: () => true, reload: () => expect.unreachable('faults were taken over') };
    const { to } = setUp([part]);
    const faulty = { config: undefined, faults: ['a', 'b'], warnings: [], values: new Map() };
    expect(await to(faulty)).toEqual([['refused', 'a', 'b']]);
  });

  it('a part that fails is told, tried again the next time, and keeps no other from its own', async () => {
    let broken = true;
    const failing = {
      takes: (name: string) => name === 'port',
      reload: async () => {
        if (broken) throw new Error('in use');
      },
    };
    const { to } = setUp([failing, { takes: (name) => name === 'level', reload() {} }]);
    const changed = reading({ level: 'debug', port: '2' });
    expect(await to(changed)).toEqual([['failed', 'port', 'in use'], { applied: ['level'], needRestart: [] }]);
    broken = false;
    expect(await to(changed)).toEqual([{ applied: ['port'], needRestart: [] }]);
  });

  it('one that could not be read keeps none from being read later', async () => {
    const { to, reload, told } = setUp([{ takes: () => true, reload() {} }]);
    const unreadable = {
      ...reading({}),
      get config(): Config {
        throw new Error('gone');
      },
    };
    expect(await to(unreadable)).toEqual([['refused', 'gone']]);
    await to(reading({ level: 'warn', port: '1' }));
    await reload();
    expect(told).toEqual([{ applied: [], needRestart: [] }]);
  });

  it('two at once take turns, and of those that come meanwhile one is enough', async () => {
    let busy = 0;
    const taken: (string | undefined)[] = [];
    const slow = {
      takes: () => true,
      reload: async ({ level }: Config) => {
        expect(++busy).toBe(1);
        taken.push(level);
        await new Promise(setImmediate);
        busy--;
      },
    };
    const { to, reload } = setUp([slow]);
    const first = to(reading({ level: 'warn' }));
    const second = to(reading({ level: 'debug' }));
    await Promise.all([first, second, reload(), reload()]);
    expect(taken).toEqual(['warn', 'debug']);
    await to(reading({ level: 'error' }));
    expect(taken).toEqual(['warn', 'debug', 'error']);
  });

  it('takes nothing over when one part finds a fault in it', async () => {
    const level = { takes: (name: string) => name === 'level', reload: () => expect.unreachable('it was taken over') };
    const faulty = {
      takes: (name: string) => name === 'port',
      check: () => {
        throw new Error('that is a door of its own');
      },
      reload: () => expect.unreachable('it was taken over'),
    };
    const { to } = setUp([level, faulty]);
    expect(await to(reading({ level: 'warn', port: '2' }))).toEqual([['refused', 'that is a door of its own']]);
  });
});
