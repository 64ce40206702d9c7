/** Between a writer and the thread that writes the full text of its blocks. */
import type { Texts } from './text-file.js';

export type TextMessage = { file: string } & (
  | ({ operation: 'add' } & Texts)
  /** Answered, as those below are. `removed`: after all that was added. */
  | { operation: 'commit'; removed: readonly number[] }
  /** Of what came since the last commit. */
  | { operation: 'rollback' }
  /** `finished`: nothing will be added. */
  | { operation: 'close'; finished: boolean }
);

/** `bytes`: of the whole file. */
export type TextAnswer = { bytes: number } | { failure: { message: string; code: string | undefined } };
