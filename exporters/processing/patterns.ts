/**
 * Regular expressions of the configuration, within bounds: only the beginning of a text is looked at, and one that goes on
 * for too long doesn't match from then on, as long as the run lasts. For worker threads.
 */
import vm from 'node:vm';

/** UTF-16 units. */
const MAX_CHARS = 8192;
const MAX_MS = 1000;

let running: string | undefined;
const slow = new Set<string>();

export function compilePattern(source: string): (text: string) => boolean {
  const pattern = new RegExp(source);
  return (text) => {
    if (slow.has(source)) return false;
    running = source;
    const matches = pattern.test(text.length > MAX_CHARS ? text.slice(0, MAX_CHARS) : text);
    running = undefined;
    return matches;
  };
}

const context = vm.createContext({ run: () => {} }) as { run: () => void };
const script = new vm.Script('run()');

export interface Bounded<Result> {
  result: Result;
  /** Patterns that took too long. */
  slow: string[];
}

/**
 * Runs what uses patterns, from its beginning again each time that one of them took too long: it must not have begun
 * anything that can't be begun anew. Only V8's own interruption ends a match that is under way.
 */
export function bounded<Result>(run: () => Result, maxMs = MAX_MS): Bounded<Result> {
  slow.clear();
  for (;;) {
    const done = attempt(run, maxMs);
    if (done !== undefined) return { result: done.result, slow: [...slow] };
    // A machine that stood still is no pattern's fault.
    if (running !== undefined) slow.add(running);
    running = undefined;
  }
}

/** undefined when the time was over. */
function attempt<Result>(run: () => Result, maxMs: number): { result: Result } | undefined {
  let done: { result: Result } | undefined;
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
