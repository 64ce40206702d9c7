import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../src/errors.js';
import { loggingSettings } from '../../src/observability/config.js';
import { createLogger } from '../../src/observability/logger.js';
import { createRepetition } from '../../src/observability/repetition.js';
import { processFile } from '../helpers/process-file.js';

function logged(level: 'debug' | 'info' | 'silent', log: (logger: ReturnType<typeof createLogger>) => void) {
  const lines: string[] = [];
  log(createLogger({ level, format: 'json' }, { write: (line) => void lines.push(line) }));
  return lines.map((line) => JSON.parse(line));
}

describe('the log', () => {
  it('is JSON with the level as a word and the time in ISO 8601', () => {
    const [line] = logged('info', (logger) => logger.info({ event: 'ready', port: 3000 }, 'Ready'));
    expect(line).toMatchObject({ level: 'info', msg: 'Ready', event: 'ready', port: 3000 });
    expect(new Date(line.time).toISOString()).toBe(line.time);
    expect(Object.keys(line)).not.toContain('hostname');
  });

  it('keeps below the level quiet', () => {
    expect(logged('info', (logger) => logger.debug('x'))).toEqual([]);
    expect(logged('silent', (logger) => logger.fatal('x'))).toEqual([]);
    expect(logged('debug', (logger) => logger.debug('x'))).toHaveLength(1);
  });

  it('has the code, the stack and the cause of an error', () => {
    const err = new GatewayError('DISK_FULL', 'No space', { cause: new Error('ENOSPC') });
    const [line] = logged('info', (logger) => logger.error({ err }, 'Failed'));
    expect(line.err).toMatchObject({ code: 'DISK_FULL', type: 'GatewayError' });
    expect(line.err.stack).toContain('ENOSPC');
  });

  it.each([
    ['json', /^\{"level":"info","time":"[^"]+","a":1,"msg":"hello"\}\n$/],
    ['auto', /^\{"level":"info"/],
    ['pretty', /INFO.*hello/],
  ])('goes to standard output as %s, whole at an immediate exit', (format, expected) => {
    const module = processFile('src/observability/logger.ts');
    const script = `import { createLogger } from ${JSON.stringify(module)};
      createLogger({ level: 'info', format: '${format}' }).info({ a: 1 }, 'hello');
      process.exit(0);`;
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
    });
    expect(child.stderr).toBe('');
    expect(child.stdout).toMatch(expected);
  });
});

describe('the settings of the log', () => {
  it('are info, and what suits standard output', () => {
    expect(loggingSettings.parse({})).toEqual({ level: 'info', format: 'auto' });
  });

  it('refuse a level that does not exist', () => {
    expect(loggingSettings.safeParse({ level: 'loud' }).error?.issues[0]?.message).toMatch(/expected one of: trace/);
  });
});

describe('a repeated happening', () => {
  it('is logged once per interval and kind, with the number that were kept quiet', () => {
    let nowMs = 0;
    const repetition = createRepetition(1000, () => nowMs);
    expect(repetition('a')).toEqual({ quiet: 0 });
    expect(repetition('a')).toBeUndefined();
    expect(repetition('b')).toEqual({ quiet: 0 });
    expect(repetition('a')).toBeUndefined();
    nowMs = 1000;
    expect(repetition('a')).toEqual({ quiet: 2 });
    expect(repetition('a')).toBeUndefined();
  });
});
