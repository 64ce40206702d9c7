/**
 * The code of worker threads, and of the processes that tests start and kill, compiled once before a run. One that
 * translates TypeScript for itself costs a fifth of a second more, and the tests start thousands.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Plugin } from 'vitest/config';
import type { TestProject } from 'vitest/node';
import { copyManifest, folderOfRun, joinModules, ROOT } from './joined-modules.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** The folder of the sources whose modules are joined. */
    joinedSources: string;
  }
}

const joined = folderOfRun('.test-threads');

/** What such processes run: each file says what it is for. */
const PROCESSES = [
  'src/observability/logger.ts',
  'test/access/process.ts',
  'test/buffer/process.ts',
  'test/exporters/file/appender.ts',
  'test/exporters/file/full-disk.ts',
  'test/registry/process.ts',
  'test/store/telemetry/racing-writer.ts',
  'test/store/telemetry/writer-child.ts',
];

/** What has a default export there is started by its file's name. */
function workers(): string[] {
  const files = readdirSync(path.join(ROOT, 'workers')).map((name) => path.join('workers', name));
  return files.filter((file) => /^export default /m.test(readFileSync(path.join(ROOT, file), 'utf8')));
}

export async function setup(project: TestProject): Promise<void> {
  const entries = [...workers(), ...PROCESSES].map((file) => path.join(ROOT, file));
  await joinModules({ entries, from: ROOT, to: joined });
  copyManifest(joined);
  project.provide('joinedSources', joined);
}

export function teardown(): void {
  rmSync(joined, { recursive: true, force: true });
}

const STARTERS = [path.join('workers', 'pool.ts'), path.join('src', 'store', 'telemetry', 'sqlite', 'text-writer.ts')];

/** Who starts threads finds their files beside itself: in tests, where the joined ones are. */
export const compiledThreads: Plugin = {
  name: 'compiled-threads',
  enforce: 'pre',
  transform(code, id) {
    if (!STARTERS.includes(path.relative(ROOT, id))) return undefined;
    const starter = pathToFileURL(path.join(joined, 'workers', `${path.basename(id, '.ts')}.js`)).href;
    return code.replaceAll('import.meta.url', JSON.stringify(starter));
  },
};
