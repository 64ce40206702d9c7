/** What exporters have a thread for, done in place. */
import { valueSymbol } from 'piscina';
import type { TaskPool } from '../../src/component.js';
import encode, { type EncodeTask } from '../../workers/export-encoder.js';

/** What would be moved out of the thread stays where it is. */
function unmoved(answer: unknown): unknown {
  const isMoved = typeof answer === 'object' && answer !== null && valueSymbol in answer;
  return isMoved ? answer[valueSymbol as keyof typeof answer] : answer;
}

export const inPlace: TaskPool = {
  run: async <Result>(operation: string, argument: unknown) =>
    unmoved(await encode({ operation, argument } as EncodeTask)) as Result,
};
