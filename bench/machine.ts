import { execFileSync } from 'node:child_process';
import { cpus, loadavg, totalmem } from 'node:os';

/** One line that says what was measured on. */
export function describeMachine(): string {
  const processors = cpus();
  const model = processors[0]?.model.trim() ?? 'unknown processor';
  const load = loadavg()[0]!.toFixed(1);
  const memory = Math.round(totalmem() / 2 ** 30);
  const commit = git(['rev-parse', '--short', 'HEAD']);
  const date = new Date().toISOString().slice(0, 10);
  return `${processors.length} × ${model}, ${memory} GiB, Node ${process.versions.node}, ${process.platform}, commit ${commit}, ${date}, load ${load} at the start`;
}

function git(words: string[]): string {
  try {
    return execFileSync('git', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'unknown';
  }
}
