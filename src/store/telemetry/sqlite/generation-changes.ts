/** Changes of the generations of a block that keep its sums and its full text true: whoever makes them, its writer or another. */
import type Database from 'better-sqlite3';
import { GenerationLedger } from './generation-ledger.js';
import { type GenerationRow, type Share, selectGenerations, toShare } from './generation-rows.js';
import { type GenerationTexts, TextRemoval } from './generation-texts.js';

export class GenerationChanges {
  private readonly ledger: GenerationLedger;
  private readonly find;
  private readonly erase;

  /** `texts`: of whoever fills the block. */
  constructor(
    db: Database.Database,
    private readonly texts: GenerationTexts = new TextRemoval(db),
  ) {
    this.ledger = new GenerationLedger(db);
    this.find = db.prepare(`${selectGenerations()} WHERE x.id = ?`).safeIntegers(true);
    this.erase = db.prepare('DELETE FROM generations WHERE id = ?');
  }

  /** Of a row that is inserted. */
  add(share: Share): void {
    this.ledger.add(share, 1);
  }

  addText(id: bigint, text: string | undefined): void {
    this.texts.add(id, text);
  }

  /** The row before `update` and the row after it differ in what they add. */
  change(id: bigint, update: () => void): void {
    const before = this.row(id);
    if (!before) return;
    this.ledger.add(toShare(before), -1);
    update();
    this.ledger.add(toShare(this.row(id)!), 1);
  }

  remove(id: bigint): void {
    const row = this.row(id);
    if (!row) return;
    this.ledger.add(toShare(row), -1);
    this.erase.run(id);
    this.texts.delete(id);
  }

  /** Call it within the transaction. The texts come first: a thread may write them meanwhile. */
  flush(): void {
    this.texts.flush();
    this.ledger.flush();
  }

  /** Call it within a transaction, when no batch will follow. */
  fold(): void {
    this.ledger.fold();
  }

  /** After a rollback. */
  clear(): void {
    this.ledger.clear();
    this.texts.clear();
  }

  private row(id: bigint): GenerationRow | undefined {
    return this.find.get(id) as GenerationRow | undefined;
  }
}
