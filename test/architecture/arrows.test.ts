import { existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Rooms, the most specific folder first. */
const ROOMS = [
  'src/gateway.ts',
  'src/forward.ts',
  'src/exporting.ts',
  'src/tracking.ts',
  'src/self-telemetry.ts',
  'src/main.ts',
  'src/api-key.ts',
  'src/rebuild-index.ts',
  'src/config.ts',
  'src/buffer',
  'src/otlp',
  'src/model',
  'src/semconv',
  'src/pricing',
]
  .concat([
    'src/access',
    'src/limits',
    'src/store',
    'src/registry',
    'src/api',
    'src/observability',
    'receivers',
    'exporters',
    'workers',
    'proto',
  ])
  .concat(['migrations', 'bench', 'test', 'src']);

/** Who may import whom, beside itself. `src` is component.ts, errors.ts and setting.ts: the common ground. */
const ALLOWED: Record<string, string[]> = {
  src: [],
  'src/model': ['src'],
  'src/otlp': ['src', 'src/model', 'proto'],
  'src/buffer': ['src'],
  'src/semconv': ['src', 'src/model'],
  'src/pricing': ['src', 'src/model', 'src/access', 'src/store'],
  'src/store': ['src', 'src/model', 'migrations'],
  migrations: ['src', 'src/store'],
  'src/access': ['src', 'src/model', 'src/store'],
  'src/limits': ['src', 'src/access'],
  'src/registry': ['src', 'src/model', 'src/access', 'src/store'],
  'src/api': ['src', 'src/model', 'src/access', 'src/limits', 'src/store', 'src/otlp', 'src/registry', 'src/pricing'],
  // The check and the decoder share one reading of the wire; decoding itself is never a receiver's (below).
  receivers: ['src', 'src/model', 'src/access', 'src/limits', 'src/otlp', 'proto'],
  workers: ['src', 'src/model', 'src/otlp', 'src/semconv', 'src/pricing', 'src/store', 'src/buffer', 'exporters'],
  exporters: ['src', 'src/model', 'src/otlp', 'src/semconv', 'src/buffer', 'proto'],
  'src/observability': [
    'src',
    'src/access',
    'src/limits',
    'src/buffer',
    'src/registry',
    'src/pricing',
    'receivers',
    'exporters',
    'workers',
    'src/api',
    'src/store',
  ],
  'src/config.ts': [
    'src',
    'src/access',
    'src/limits',
    'src/buffer',
    'src/store',
    'src/registry',
    'src/api',
    'src/observability',
    'receivers',
    'exporters',
    'workers',
  ],
  proto: [],
};

function roomOf(file: string): string {
  return ROOMS.find((room) => file === room || file.startsWith(`${room}/`))!;
}

async function sourceFiles(): Promise<string[]> {
  // A room that is still empty is not in a fresh checkout.
  const folders = ['src', 'receivers', 'exporters', 'workers', 'migrations'].filter((folder) =>
    existsSync(path.join(root, folder)),
  );
  const listed = await Promise.all(folders.map((folder) => readdir(path.join(root, folder), { recursive: true })));
  return listed.flatMap((names, index) =>
    names.filter((name) => name.endsWith('.ts')).map((name) => `${folders[index]}/${name}`),
  );
}

function importsOf(file: string): { target: string; typeOnly: boolean; text: string }[] {
  const source = readFileSync(path.join(root, file), 'utf8');
  const found = source.matchAll(/^\s*(?:import|export)\s+(type\s)?[^'"]*?from\s+'([^']+)'|import\('([^']+)'\)/gm);
  return [...found].map((match) => ({
    typeOnly: Boolean(match[1]),
    text: match[2] ?? match[3]!,
    target: match[2] ?? match[3]!,
  }));
}

function resolve(file: string, specifier: string): string {
  return path.posix.join(path.posix.dirname(file), specifier).replace(/\.js$/, '.ts');
}

/** Files of the project that it imports, for their types alone as well. */
function neighboursOf(file: string): string[] {
  return importsOf(file)
    .filter(({ target }) => target.startsWith('.'))
    .map(({ target }) => resolve(file, target));
}

const files = await sourceFiles();

describe('imports run one way', () => {
  it('finds the source', () => expect(files.length).toBeGreaterThan(20));

  it('no room imports a room that stands behind it', () => {
    const wrong = files.flatMap((file) => {
      const room = roomOf(file);
      const allowed = ALLOWED[room];
      if (!allowed) return [];
      return neighboursOf(file)
        .filter((target) => roomOf(target) !== room && !allowed.includes(roomOf(target)))
        .map((target) => `${file} → ${target}`);
    });
    expect(wrong).toEqual([]);
  });

  it('no files import each other in a circle', () => {
    let left = new Set(files);
    for (let before = -1; before !== left.size; ) {
      before = left.size;
      const imported = new Set([...left].flatMap((file) => neighboursOf(file).filter((target) => left.has(target))));
      left = new Set([...imported].filter((file) => neighboursOf(file).some((target) => imported.has(target))));
    }
    expect([...left]).toEqual([]);
  });

  it('nobody but main imports the gateway', () => {
    const importers = files.filter((file) => neighboursOf(file).includes('src/gateway.ts'));
    expect(importers).toEqual(['src/main.ts']);
  });

  it('no receiver decodes', () => {
    const wrong = files.filter(
      (file) => file.startsWith('receivers/') && neighboursOf(file).some((target) => /\/(de|en)code/.test(target)),
    );
    expect(wrong).toEqual([]);
  });

  it('only the store knows a database driver', () => {
    const drivers = /^(better-sqlite3|pg|pg-copy-streams|kysely)$/;
    const wrong = files.filter(
      (file) => !/^(src\/store|migrations)\//.test(file) && importsOf(file).some(({ text }) => drivers.test(text)),
    );
    expect(wrong).toEqual([]);
  });

  it('one endpoint group never imports another', () => {
    const groupOf = (file: string) => /^src\/api\/([^/]+)\//.exec(file)?.[1];
    const wrong = files
      .filter((file) => groupOf(file))
      .flatMap((file) =>
        neighboursOf(file)
          .filter((target) => groupOf(target) && groupOf(target) !== groupOf(file))
          .map((target) => `${file} → ${target}`),
      );
    expect(wrong).toEqual([]);
  });

  it('only src/config.ts and the entries read process.env', () => {
    const wrong = files.filter(
      (file) =>
        !['src/config.ts', 'src/main.ts', 'src/api-key.ts'].includes(file) &&
        readFileSync(path.join(root, file), 'utf8').includes('process.env'),
    );
    expect(wrong).toEqual([]);
  });
});
