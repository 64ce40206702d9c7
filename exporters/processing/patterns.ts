/**
 * Regular expressions of the configuration, within bounds: only the beginning of a text is looked at, and one that goes on
 * for too long doesn't match from then on, as long as the run lasts. Run them on worker threads alone.
 */
import vm from 'node:vm';

/** UTF-16 units. */
const MAX_CHARS = 8192;
const MAX_MS = 1000;

let running: { source: string; sinceMs: number } | undefined;
/** Of the attempt that is under way, by the pattern. */
const spentMs = new Map<string, number>();
const slow = new Set<string>();

export function isPattern(source: string): boolean {
  try {
    return new RegExp(source) !== undefined;
  } catch {
    return false;
  }
}

export function compilePattern(source: string): (text: string) => boolean {
  const pattern = new RegExp(source);
  return (text) => {
    if (slow.has(source)) return false;
    running = { source, sinceMs: performance.now() };
    const matches = pattern.test(text.length > MAX_CHARS ? text.slice(0, MAX_CHARS) : text);
    stopClock();
    return matches;
  };
}

function stopClock(): void {
  if (running === undefined) return;
  const { source, sinceMs } = running;
  spentMs.set(source, (spentMs.get(source) ?? 0) + performance.now() - sinceMs);
  running = undefined;
}

const context = vm.createContext({ run: () => {} }) as { run: () => void };
const script = new vm.Script('run()');

export interface Bounded<Result> {
  result: Result;
  /** Patterns that took too long, and those that did before. */
  slow: string[];
}

/**
 * Runs what uses patterns, from its beginning again each time that the time is over: it must not have begun anything that
 * can't be begun anew. A pattern that took half of it is given up; where none did there is much to do, or a machine that
 * stood still, and the next attempt has twice the time. Only V8's own interruption ends a match that is under way.
 * `known`: patterns that are given up already.
 */
export function bounded<Result>(run: () => Result, maxMs = MAX_MS, known: Iterable<string> = []): Bounded<Result> {
  slow.clear();
  for (const source of known) slow.add(source);
  for (let boundMs = maxMs; ; ) {
    const done = attempt(run, boundMs);
    if (done !== undefined) return { result: done.result, slow: [...slow] };
    const culprits = slowest(boundMs / 2);
    for (const source of culprits) slow.add(source);
    if (culprits.length === 0) boundMs *= 2;
  }
}

function slowest(minMs: number): string[] {
  stopClock();
  return [...spentMs].flatMap(([source, ms]) => (ms < minMs ? [] : [source]));
}

/** undefined when the time was over. */
function attempt<Result>(run: () => Result, maxMs: number): { result: Result } | undefined {
  let done: { result: Result } | undefined;
  running = undefined;
  spentMs.clear();
  context.run = () => {
    done = { result: run() };
  };
  try {
    script.runInContext(context as vm.Context, { timeout: maxMs });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    done = undefined;
  }
  return done;
}
