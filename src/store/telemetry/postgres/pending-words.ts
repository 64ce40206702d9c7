/**
 * Words on their way into the index of full text. Postgres appends those of new rows to a list beside the index, which
 * every search reads as well, and sorts them in when it has grown long: within the COPY of the batch that made it so, which
 * takes as long as all else of ten batches. Here a second connection does so before it comes to that, while batches go on.
 */
import type pg from 'pg';

/** At least 20 bytes each: half of what the index's own limit (gin_pending_list_limit) lets come together. */
const MAX_WORDS = 800_000;

/** Of every day: where nothing is to be done it takes microseconds. Whoever makes a partition owns its index, as it asks for. */
const SORT_IN = `select gin_clean_pending_list(words.indexrelid)
  from pg_inherits day join pg_index words on words.indrelid = day.inhrelid
    join pg_class index on index.oid = words.indexrelid join pg_am method on method.oid = index.relam
  where day.inhparent = 'generation_texts'::regclass and method.amname = 'gin'`;

export class PendingWords {
  private count = 0;
  private client: Promise<pg.Client> | undefined;
  private sorting: Promise<void> | undefined;

  constructor(
    private readonly connect: () => Promise<pg.Client>,
    private readonly maxWords = MAX_WORDS,
  ) {}

  /** They are in the list from when they are sent, even if their transaction is rolled back. */
  add(count: number): void {
    this.count += count;
  }

  /** Waits only when as many came again while others were sorted in: writers are not to outrun it. */
  async settle(): Promise<void> {
    if (this.count <= this.maxWords) return;
    await this.sorting;
    this.count = 0;
    this.sorting = this.sortIn();
  }

  /** What is not sorted in waits for the next writer. */
  close(): void {
    this.forgetClient();
  }

  /** When it fails, the list grows to the index's own limit, and whichever batch passes that does the work. */
  private async sortIn(): Promise<void> {
    try {
      this.client ??= this.connect();
      await (await this.client).query(SORT_IN);
    } catch {
      this.forgetClient();
    }
  }

  private forgetClient(): void {
    void this.client?.then((client) => client.end()).catch(() => {});
    this.client = undefined;
  }
}
