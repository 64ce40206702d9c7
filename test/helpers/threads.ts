/**
 * The code of worker threads, compiled once before a run. A thread that translates TypeScript for itself costs a fifth of
 * a second more than one that loads JavaScript, and the tests start thousands. A folder for each run: runs don't meet.
 */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Plugin } from 'vitest/config';

const root = fileURLToPath(new URL('../..', import.meta.url));
const compiled = path.join(root, 'node_modules', '.test-threads', String(process.pid));

export function setup(): void {
  const flags = ['-p', 'tsconfig.build.json', '--noCheck', '--incremental', 'false', '--tsBuildInfoFile', 'null'];
  execFileSync(path.join(root, 'node_modules', '.bin', 'tsc'), [...flags, '--outDir', compiled], {
    cwd: root,
    stdio: 'inherit',
  });
}

export function teardown(): void {
  rmSync(compiled, { recursive: true, force: true });
}

/** Pools find their entry files beside themselves: in tests, beside what they were compiled to. */
export const compiledThreads: Plugin = {
  name: 'compiled-threads',
  enforce: 'pre',
  transform(code, id) {
    if (id !== path.join(root, 'workers', 'pool.ts')) return undefined;
    const pool = pathToFileURL(path.join(compiled, 'workers', 'pool.js')).href;
    return code.replaceAll('import.meta.url', JSON.stringify(pool));
  },
};
