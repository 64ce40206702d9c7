/** Computes costs anew, block after block, the oldest first: whoever writes the block, and even when it is closed. */
import path from 'node:path';
import { GatewayError } from '../../../errors.js';
import type { Cost } from '../../../model/generation.js';
import type { RepriceResult, RepriceStep, StoredGeneration } from '../generations.js';
import { isUnpriced } from '../rollups.js';
import { listBlocks } from './block-files.js';
import { timeConditions } from './conditions.js';
import { GenerationChanges } from './generation-changes.js';
import {
  type GenerationRow,
  PRICE_COLUMNS,
  priceColumns,
  selectGenerations,
  toStoredGeneration,
  wideColumn,
} from './generation-rows.js';
import { byDigest } from './numbered.js';
import { GENERATION_VERSION, SCHEMA_VERSION } from './schema.js';
import { openForDeleting } from './trace-deletion.js';

export type PriceOf = (generation: StoredGeneration) => Cost | undefined;

/** The last row that was looked at. */
interface Cursor {
  file: string;
  time: bigint;
  id: bigint;
}

type Db = ReturnType<typeof openForDeleting>;

export class Repricing {
  constructor(
    private readonly directory: string,
    private readonly step: RepriceStep,
    private readonly priceOf: PriceOf,
  ) {}

  /** Ends with a block or with its rows, whichever comes first. `isLost` tells a failure of a block that nobody reads any more. */
  run(isLost: (file: string, error: unknown) => boolean): RepriceResult {
    const after = this.step.after === undefined ? undefined : cursorOf(this.step.after);
    for (const { file } of listBlocks(this.directory).reverse()) {
      if (after && file < after.file) continue;
      try {
        const result = this.inBlock(file, after?.file === file ? after : undefined);
        if (result.examined > 0) return result;
      } catch (error) {
        if (!isLost(file, error)) throw error;
      }
    }
    return { examined: 0, changed: 0, next: undefined };
  }

  private inBlock(file: string, after: Cursor | undefined): RepriceResult {
    const db = openForDeleting(path.join(this.directory, file));
    try {
      return this.changeRows(db, file, this.rowsOf(db, after));
    } finally {
      db.close();
    }
  }

  private rowsOf(db: Db, after: Cursor | undefined): GenerationRow[] {
    const version = Number(db.prepare('SELECT schema_version FROM block').pluck().get());
    if (version < GENERATION_VERSION || version > SCHEMA_VERSION) return [];
    const { workspace, limit } = this.step;
    const range = timeConditions('x.start_time_unix_nano', this.step);
    const where = [...range.sql, 'x.workspace_id = (SELECT id FROM workspaces WHERE name = @workspace)'];
    if (after) where.push('(x.start_time_unix_nano, x.id) > (@afterTime, @afterId)');
    const sql = `${selectGenerations('generations x INDEXED BY generations_by_time')} WHERE ${where.join(' AND ')}
      ORDER BY x.start_time_unix_nano, x.id LIMIT @limit`;
    const position = after ? { afterTime: after.time, afterId: after.id } : {};
    return db.prepare(sql).all({ ...range.parameters, ...position, workspace, limit }) as GenerationRow[];
  }

  private changeRows(db: Db, file: string, rows: readonly GenerationRow[]): RepriceResult {
    const changes: { id: bigint; cost: Cost | undefined; isUnpriced: boolean }[] = [];
    for (const row of rows) {
      const generation = toStoredGeneration(row);
      const cost = this.priceOf(generation);
      if (isSameCost(cost, generation.cost)) continue;
      changes.push({ id: row.id, cost, isUnpriced: isUnpriced({ ...generation, cost }) });
    }
    if (changes.length > 0) apply(db, changes);
    const last = rows.at(-1);
    const next = last && nameOf({ file, time: last.start_time_unix_nano, id: last.id });
    return { examined: rows.length, changed: changes.length, next };
  }
}

function isSameCost(a: Cost | undefined, b: Cost | undefined): boolean {
  return a?.picodollars === b?.picodollars && a?.price.key === b?.price.key;
}

function apply(db: Db, changed: readonly { id: bigint; cost: Cost | undefined; isUnpriced: boolean }[]): void {
  const changes = new GenerationChanges(db);
  const prices = byDigest(db, 'prices', PRICE_COLUMNS);
  const update = db.prepare('UPDATE generations SET picodollars = ?, price_id = ?, is_unpriced = ? WHERE id = ?');
  db.transaction(() => {
    for (const { id, cost, isUnpriced: unpriced } of changed) {
      const values = cost
        ? [wideColumn(cost.picodollars), prices.idOf(cost.price.key, () => priceColumns(cost.price))]
        : [null, null];
      changes.change(id, () => update.run(...values, Number(unpriced), id));
    }
    changes.flush();
  }).immediate();
}

function nameOf({ file, time, id }: Cursor): string {
  return `${file}/${time}/${id}`;
}

function cursorOf(name: string): Cursor {
  const match = /^([\d-]+\.db)\/(-?\d{1,19})\/(-?\d{1,18})$/.exec(name);
  if (!match) throw new GatewayError('BAD_REQUEST', 'The place where computing costs goes on is malformed');
  return { file: match[1]!, time: BigInt(match[2]!), id: BigInt(match[3]!) };
}
