/** Reads what `git log` says of files that came, piece by piece: of a long history it says hundreds of megabytes. */
import type { AddedFile } from './repository.js';

/** Hash, author, seconds, message: each ends with NUL, as do the paths that follow. */
export const LOG_FORMAT = '--format=tformat:%x01%H%x00%an%x00%ct%x00%B%x00';

/** No path begins so: all are below `prompts` or `workspaces`. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the format above has git write one
const COMMIT = /^\n?\u0001([0-9a-f]{40,64})$/;
const FIELDS_BEHIND_HASH = 3;

type Origin = Omit<AddedFile, 'path'>;

export class LogReader {
  private rest = '';
  private commit = '';
  private fields: string[] | undefined;
  private of: Origin | undefined;

  /** The files that the text completes, in their order. */
  take(text: string): AddedFile[] {
    const words = (this.rest + text).split('\0');
    this.rest = words.pop()!;
    return words.flatMap((word) => this.read(word) ?? []);
  }

  private read(word: string): AddedFile | undefined {
    if (this.fields) return this.readField(this.fields, word);
    const [, commit] = COMMIT.exec(word) ?? [];
    if (commit !== undefined) {
      this.commit = commit;
      this.fields = [];
      return undefined;
    }
    const path = word.replace(/^\n/, '');
    return path === '' || !this.of ? undefined : { path, ...this.of };
  }

  private readField(fields: string[], word: string): undefined {
    if (fields.push(word) < FIELDS_BEHIND_HASH) return;
    const [author = '', seconds, message = ''] = fields;
    this.of = { commit: this.commit, author, message: message.trim(), timeUnixMs: Number(seconds) * 1000 };
    this.fields = undefined;
  }
}
