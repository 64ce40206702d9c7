/** Full text as those see it who change generations. */
import type Database from 'better-sqlite3';
import { textFileOf } from './block-files.js';
import { TEXT_FILE_VERSION } from './schema.js';
import { inSoundTextFile } from './text-file.js';

export interface GenerationTexts {
  add(id: bigint, text: string | undefined): void;
  delete(id: bigint): void;
  /** Call it within the transaction of the rows. */
  flush(): void;
  /** After a rollback. */
  clear(): void;
}

/**
 * Of a block that somebody takes rows out of, whoever fills it. The texts are gone for good before the rows are: what is cut
 * off between the two is done again.
 */
export class TextRemoval implements GenerationTexts {
  private ids: number[] = [];

  constructor(private readonly db: Database.Database) {}

  add(): never {
    throw new Error('Texts are added by the writer of a block alone');
  }

  delete(id: bigint): void {
    this.ids.push(Number(id));
  }

  flush(): void {
    if (this.ids.length > 0) this.remove(this.ids);
    this.clear();
  }

  clear(): void {
    this.ids = [];
  }

  private remove(ids: readonly number[]): void {
    if (Number(this.db.prepare('SELECT schema_version FROM block').pluck().get()) < TEXT_FILE_VERSION) {
      const remove = this.db.prepare('DELETE FROM texts WHERE rowid = ?');
      for (const id of ids) remove.run(BigInt(id));
      return;
    }
    inSoundTextFile(textFileOf(this.db.name), (texts) => {
      texts.remove(ids);
      texts.commit();
    });
  }
}
