/**
 * Modules joined into a few files, so that a process or a thread starts sooner: loading some 1,500 one by one is two fifths
 * of what a start of the gateway costs.
 */
import { copyFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Where what is made for this run goes: runs don't meet, and packages are found from there. */
export function folderOfRun(name: string): string {
  return path.join(ROOT, 'node_modules', name, String(process.pid));
}

/** Native code, and what finds files beside its own, stays where it is; `pg-native` is optional and not installed. */
const EXTERNAL = [
  ...['better-sqlite3', 'fs-native-extensions', 'pg-native'],
  ...['piscina', 'pino', 'pino-pretty', '@fastify/swagger-ui', 'vitest'],
];

/** CommonJS among the joined calls `require`, which modules don't have. */
const REQUIRE =
  "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);";

/** A package that is loaded by `import()` stays where it is: of one in CommonJS, nothing but the default would be found. */
const lazyPackages: Plugin = {
  name: 'lazy-packages',
  setup(bundler) {
    bundler.onResolve({ filter: /^[^./]/ }, ({ kind, path }) =>
      kind === 'dynamic-import' ? { path, external: true } : undefined,
    );
  },
};

export interface Joining {
  /** Files that are started by their names. */
  entries: readonly string[];
  /** The folder that the entries are in. */
  from: string;
  /** Each entry lies in it where it lies in `from`. */
  to: string;
}

export async function joinModules({ entries, from, to }: Joining): Promise<void> {
  const inPlace = entries.map((file) => ({ in: file, out: withoutEnding(path.relative(from, file)) }));
  await build({
    entryPoints: [...inPlace, textThread(from, path.extname(entries[0]!))],
    outdir: to,
    // A module finds files by its place (workers beside the pool, package.json two folders up): shared ones keep that depth.
    chunkNames: 'workers/[name]-[hash]',
    bundle: true,
    splitting: true,
    // What is not there need not be read, by each process and by each of its threads.
    minifyWhitespace: true,
    legalComments: 'none',
    format: 'esm',
    platform: 'node',
    external: EXTERNAL,
    plugins: [lazyPackages],
    banner: { js: REQUIRE },
    logLevel: 'warning',
  });
}

/** The thread of full text is found beside whoever starts it, which is in a shared file: it goes where those are. */
function textThread(from: string, ending: string): { in: string; out: string } {
  return { in: path.join(from, 'src/store/telemetry/sqlite', `text-thread${ending}`), out: 'workers/text-thread' };
}

function withoutEnding(file: string): string {
  return file.slice(0, -path.extname(file).length);
}

/** What says that the files below are modules, and which version this is. */
export function copyManifest(to: string): void {
  copyFileSync(path.join(ROOT, 'package.json'), path.join(to, 'package.json'));
}
