/**
 * What whole-process tests run. The build is made once before any test, as `npm start` makes it, and its modules are
 * joined into a few files: loading some 1,500 one by one is two fifths of what a start costs, and these tests start
 * hundreds of gateways. Tests of the commands of the README run the build as it is. A folder for each run: runs don't meet.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** The folder of the build whose modules are joined. */
    joinedBuild: string;
  }
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const built = path.join(root, 'dist');
const joined = path.join(root, 'node_modules', '.test-process', String(process.pid));

/** Native code, and what finds files beside its own, stays where it is; `pg-native` is optional and not installed. */
const EXTERNAL = [
  'better-sqlite3',
  'fs-native-extensions',
  'piscina',
  'pino',
  'pino-pretty',
  '@fastify/swagger-ui',
  'pg-native',
];

/** CommonJS among the joined calls `require`, which modules don't have. */
const REQUIRE =
  "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);";

/** The commands, and the workers: what has a default export among them is started by its file's name. */
function entries(): string[] {
  const commands = ['main.js', 'api-key.js'].map((name) => path.join(built, 'src', name));
  const workers = readdirSync(path.join(built, 'workers')).map((name) => path.join(built, 'workers', name));
  const isEntry = (file: string) => file.endsWith('.js') && readFileSync(file, 'utf8').includes('export default ');
  return [...commands, ...workers.filter(isEntry)];
}

async function join(): Promise<void> {
  await build({
    entryPoints: entries(),
    outbase: built,
    outdir: path.join(joined, 'dist'),
    // A module finds files by its place (workers beside the pool, package.json two folders up): shared ones keep that depth.
    chunkNames: 'workers/[name]-[hash]',
    bundle: true,
    splitting: true,
    keepNames: true,
    format: 'esm',
    platform: 'node',
    external: EXTERNAL,
    banner: { js: REQUIRE },
    logLevel: 'warning',
  });
  copyFileSync(path.join(root, 'package.json'), path.join(joined, 'package.json'));
}

export async function setup(project: TestProject): Promise<void> {
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit' });
  mkdirSync(joined, { recursive: true });
  await join();
  project.provide('joinedBuild', path.join(joined, 'dist'));
}

export function teardown(): void {
  rmSync(joined, { recursive: true, force: true });
}
