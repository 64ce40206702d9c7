/**
 * What whole-process tests run. The build is made once before any test, as `npm start` makes it, and its modules are
 * joined: these tests start hundreds of gateways. Tests of the commands of the README run the build as it is.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { TestProject } from 'vitest/node';
import { copyManifest, folderOfRun, joinModules, ROOT } from './joined-modules.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** The folder of the build whose modules are joined. */
    joinedBuild: string;
  }
}

const built = path.join(ROOT, 'dist');
const joined = folderOfRun('.test-process');

/** The commands, and the workers: what has a default export among them is started by its file's name. */
function entries(): string[] {
  const commands = ['main.js', 'api-key.js'].map((name) => path.join(built, 'src', name));
  const workers = readdirSync(path.join(built, 'workers')).map((name) => path.join(built, 'workers', name));
  const isEntry = (file: string) => file.endsWith('.js') && readFileSync(file, 'utf8').includes('export default ');
  return [...commands, ...workers.filter(isEntry)];
}

export async function setup(project: TestProject): Promise<void> {
  // Types are checked by `npm run typecheck`, and change nothing of what is built.
  execFileSync('npm', ['run', '--silent', 'build', '--', '--noCheck'], { cwd: ROOT, stdio: 'inherit' });
  await joinModules({ entries: entries(), from: built, to: path.join(joined, 'dist') });
  copyManifest(joined);
  project.provide('joinedBuild', path.join(joined, 'dist'));
}

export function teardown(): void {
  rmSync(joined, { recursive: true, force: true });
}
