/**
 * Of users and sessions there may be hundreds of thousands, of whom an answer has the costliest. Who they are is found by their
 * cost alone, and all the sums are read of them alone: to hand over a row of sums takes several times as long as to look at it.
 */
import { MAX_USAGE_ROWS, type UsageQuery } from '../generations.js';
import { Leaders } from '../leaders.js';
import { compareText, SUM_COLUMNS } from '../rollups.js';
import type { BlockReader } from './block-reader.js';
import type { Catalog } from './catalog.js';
import { SESSION, USER } from './generation-rows.js';
import { PLACE, partsOf, placeIn, type RollupPlace, rangeIn, type TimeRange, unfolded } from './rollup-reads.js';

/** The sums of fewer are remembered for each block (usage-parts.ts), and put together in no time. */
const FEW_IDENTITIES = 4000;
/** One text of keys and one of costs: for each day, so that they are not of millions. */
const DAY_SECONDS = 86_400;

const IDENTITY_TYPES: { [dimension in string]?: number } = { session: SESSION, user: USER };

interface Cost {
  requests: number;
  picodollars: number;
}

/** undefined where all groups may as well be put together. */
export function leadingKeys(catalog: Catalog, query: UsageQuery): ReadonlySet<string> | undefined {
  if (!isOfMany(catalog, query)) return undefined;
  const leaders = new Leaders<[key: string, cost: Cost]>(query.limit ?? MAX_USAGE_ROWS, byCost);
  for (const entry of costsByKey(catalog, query)) {
    if (entry[1].requests !== 0 || entry[1].picodollars !== 0) leaders.add(entry);
  }
  return new Set(leaders.sorted().map(([key]) => key));
}

/** As the rows of an answer stand; sums past 2^53 are near enough to tell who is among them. */
function byCost([a, costOfA]: [string, Cost], [b, costOfB]: [string, Cost]): number {
  return costOfB.picodollars - costOfA.picodollars || compareText(a, b);
}

function isOfMany(catalog: Catalog, { workspace, series, groupBy, filters, limit }: UsageQuery): boolean {
  const type = groupBy.length === 1 ? IDENTITY_TYPES[groupBy[0]!] : undefined;
  if (type === undefined || series || Object.values(filters).some((value) => value !== undefined)) return false;
  // Where nearly all are answered, SQLite adds up the rows of each in less time than it hands them over in.
  const few = Math.max(FEW_IDENTITIES, limit ?? MAX_USAGE_ROWS);
  return catalog
    .blocks()
    .some(
      ({ file, generations }) => generations && catalog.read(file, (reader) => hasMore(reader, workspace, type, few)),
    );
}

function hasMore(reader: BlockReader, workspace: string, type: number, few: number): boolean {
  const sql = `SELECT 1 FROM identities INDEXED BY identities_by_time
    WHERE workspace_id = ? AND type = ? AND last_time IS NOT NULL LIMIT 1 OFFSET ?`;
  return reader.get(sql, [reader.workspaceId(workspace) ?? null, type, few]) !== undefined;
}

function costsByKey(catalog: Catalog, query: UsageQuery): Map<string, Cost> {
  const costs = new Map<string, Cost>();
  const add = (key: string, requests: number, picodollars: number) => {
    const known = costs.get(key);
    if (!known) costs.set(key, { requests, picodollars });
    else {
      known.requests += requests;
      known.picodollars += picodollars;
    }
  };
  for (const block of catalog.blocks()) {
    const range = rangeIn(block, query);
    if (!range) continue;
    catalog.read(block.file, (reader) => {
      const place = placeIn(reader, query);
      if (place) reader.inOneState(() => addCosts(reader, place, range, add));
    });
  }
  return costs;
}

type Add = (key: string, requests: number, picodollars: number) => void;

/** A key is JSON, in which no line ends. */
const COSTS = `SELECT group_concat(key, char(10)), group_concat(requests), group_concat(picodollars)
  FROM rollups WHERE ${PLACE} AND time >= @from AND time < @to HAVING count(*) > 0 AND within_budget()`;

const [REQUESTS, PICODOLLARS] = [SUM_COLUMNS.indexOf('requests'), SUM_COLUMNS.indexOf('picodollars')];

function addCosts(reader: BlockReader, place: RollupPlace, range: TimeRange, add: Add): void {
  for (const part of partsOf(range, Math.max(DAY_SECONDS, place.grain))) {
    const [keys, requests, costs] = (reader.getArray(COSTS, { ...place, ...part }) ?? []) as string[];
    if (keys === undefined) continue;
    const [counts, amounts] = [numbersIn(requests!), numbersIn(costs!)];
    keys.split('\n').forEach((key, at) => {
      add(key, counts[at]!, amounts[at]!);
    });
  }
  for (const { key, amounts } of unfolded(reader, place, range)) {
    add(key, Number(amounts[REQUESTS]), Number(amounts[PICODOLLARS]));
  }
}

function numbersIn(list: string): number[] {
  return JSON.parse(`[${list}]`) as number[];
}
