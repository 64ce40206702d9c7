import { execFileSync } from 'node:child_process';

/** Whole-process tests run what `npm start` runs, so the build is made once before any test. */
export function setup(): void {
  execFileSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' });
}
