/**
 * Sums of counted calls by minute, hour and day: what both engines add up while they write, and put together again while they
 * read. A row of them is (workspace, dimension set, grain, time, key); rows with equal keys are merged by adding.
 */
import { GatewayError } from '../../errors.js';
import { type Generation, modelOf, TOKEN_TYPES, type TokenType, type Usage } from '../../model/generation.js';
import { type Dimension, GRAINS, MAX_USAGE_ROWS, type Sums, type UsageQuery, type UsageRow } from './generations.js';
import { Leaders } from './leaders.js';
import { bucketOf, Sketch } from './sketch.js';

/** Each set has rows of its own for every call; their places in this list are stored. */
export const DIMENSION_SETS = [
  ['model', 'provider', 'prompt', 'version', 'environment'],
  ['user'],
  ['session'],
] as const satisfies readonly (readonly Dimension[])[];

/** In the order in which they are written and read; whole numbers all. */
export const SUM_COLUMNS = [
  'requests',
  'errors',
  'unpriced',
  'input_tokens',
  'output_tokens',
  'cache_read_tokens',
  'cache_write_tokens',
  'reasoning_tokens',
  'input_audio_tokens',
  'output_audio_tokens',
  'picodollars',
  'duration_nano',
] as const;

const FIRST_TOKENS = SUM_COLUMNS.indexOf('input_tokens');
const PICODOLLARS = SUM_COLUMNS.indexOf('picodollars');
const DURATION = SUM_COLUMNS.indexOf('duration_nano');

/** What a call adds to every sum. A plain object of it can be made of a row of either engine. */
export interface Call {
  workspace: string;
  startTimeUnixNano: bigint;
  durationNano: bigint;
  isError: boolean;
  isUnpriced: boolean;
  usage: Usage;
  picodollars: bigint | undefined;
  model: string;
  provider: string;
  prompt: string;
  version: string;
  environment: string;
  /** Its own, or that of its trace. */
  user: string;
  session: string;
}

/** A call whose tokens cost something, nobody knows what. */
export function isUnpriced({ countable, cost, usage }: Pick<Generation, 'countable' | 'cost' | 'usage'>): boolean {
  return countable && cost === undefined && TOKEN_TYPES.some((type) => (usage[type] ?? 0) > 0);
}

export function callOf(
  workspace: string,
  generation: Omit<Generation, 'searchText'>,
  of: { session: string; user: string },
): Call {
  return {
    workspace,
    startTimeUnixNano: generation.startTimeUnixNano,
    durationNano: generation.durationNano,
    isError: generation.isError,
    isUnpriced: isUnpriced(generation),
    usage: generation.usage,
    picodollars: generation.cost?.picodollars,
    model: modelOf(generation),
    provider: generation.provider,
    prompt: generation.promptName,
    version: generation.promptVersion,
    environment: generation.environment,
    ...of,
  };
}

/** Sums alone, without percentiles: of a session, say. In the order of SUM_COLUMNS. */
export type Amounts = bigint[];

export function noAmounts(): Amounts {
  return SUM_COLUMNS.map(() => 0n);
}

export function addAmounts(target: Amounts, added: readonly bigint[]): void {
  for (let at = 0; at < added.length; at++) if (added[at] !== 0n) target[at]! += added[at]!;
}

/** What the call that was added last adds: it is added to several sums, one after another. */
const latest = {
  call: undefined as Call | undefined,
  /** In the order of SUM_COLUMNS; of what is no safe integer 0. */
  amounts: new Float64Array(SUM_COLUMNS.length),
  isWide: false,
};

function isSafe(amount: bigint): boolean {
  return amount <= Number.MAX_SAFE_INTEGER && amount >= -Number.MAX_SAFE_INTEGER;
}

function unfold(call: Call): Float64Array {
  const { amounts } = latest;
  if (call === latest.call) return amounts;
  const { usage, picodollars = 0n, durationNano } = call;
  amounts[0] = 1;
  amounts[1] = Number(call.isError);
  amounts[2] = Number(call.isUnpriced);
  for (let at = 0; at < TOKEN_TYPES.length; at++) amounts[FIRST_TOKENS + at] = usage[TOKEN_TYPES[at]!] ?? 0;
  latest.isWide = !isSafe(picodollars) || !isSafe(durationNano);
  amounts[PICODOLLARS] = latest.isWide ? 0 : Number(picodollars);
  amounts[DURATION] = latest.isWide ? 0 : Number(durationNano);
  latest.call = call;
  return amounts;
}

const NO_SUMS: readonly number[] = SUM_COLUMNS.map(() => 0);

/** Sums that grow call by call: doubles as long as they are exact, which bigints are many times as slow as. */
export class Tally {
  /** A copy of an array is made five times as fast as a typed one. */
  private readonly exact = NO_SUMS.slice();
  /** What doubles had no room for. */
  private readonly beyond: Amounts = [];

  /** `sign` −1 takes a call away that was added. */
  add(call: Call, sign: 1 | -1): void {
    const added = unfold(call);
    for (let at = 0; at < added.length; at++) this.addOne(at, sign * added[at]!);
    if (latest.isWide) this.addWide(call, BigInt(sign));
  }

  merge({ exact, beyond }: Tally): void {
    for (let at = 0; at < exact.length; at++) if (exact[at] !== 0) this.addOne(at, exact[at]!);
    beyond.forEach((amount, at) => {
      this.addBeyond(at, amount);
    });
  }

  /** A number is safe; either may be compared with the other. */
  get picodollars(): number | bigint {
    const exact = this.exact[PICODOLLARS]!;
    const beyond = this.beyond[PICODOLLARS];
    return beyond === undefined ? exact : BigInt(exact) + beyond;
  }

  get isZero(): boolean {
    return (
      this.exact.every((amount) => amount === 0) && (this.beyond.length === 0 || this.amounts.every((sum) => !sum))
    );
  }

  /** In the order of SUM_COLUMNS: numbers are safe. */
  sums(): (number | bigint)[] {
    if (this.beyond.length > 0) return this.amounts;
    return this.exact.slice();
  }

  /** In the order of SUM_COLUMNS; numbers are whole, and of a string the digits. */
  addAll(amounts: readonly (number | bigint | string)[]): void {
    for (let at = 0; at < amounts.length; at++) {
      const amount = amounts[at]!;
      if (typeof amount === 'number') this.addOne(at, amount);
      else this.addBigint(at, BigInt(amount));
    }
  }

  get amounts(): Amounts {
    return Array.from(this.exact, (amount, at) => BigInt(amount) + (this.beyond[at] ?? 0n));
  }

  private addBigint(at: number, amount: bigint): void {
    if (isSafe(amount)) this.addOne(at, Number(amount));
    else this.addBeyond(at, amount);
  }

  private addWide({ picodollars = 0n, durationNano }: Call, sign: bigint): void {
    this.addBeyond(PICODOLLARS, picodollars * sign);
    this.addBeyond(DURATION, durationNano * sign);
  }

  private addOne(at: number, amount: number): void {
    const sum = this.exact[at]! + amount;
    if (sum <= Number.MAX_SAFE_INTEGER && sum >= -Number.MAX_SAFE_INTEGER) this.exact[at] = sum;
    else this.addBeyond(at, BigInt(amount));
  }

  private addBeyond(at: number, amount: bigint): void {
    this.beyond[at] = (this.beyond[at] ?? 0n) + amount;
  }
}

export function toSums(amounts: readonly bigint[]): Sums {
  const usage = Object.fromEntries(TOKEN_TYPES.map((type, at) => [type, Number(amounts[FIRST_TOKENS + at])]));
  return {
    requests: Number(amounts[0]),
    errors: Number(amounts[1]),
    unpriced: Number(amounts[2]),
    usage: usage as Record<TokenType, number>,
    picodollars: amounts[PICODOLLARS]!,
  };
}

export interface Rollup {
  workspace: string;
  /** Index into DIMENSION_SETS. */
  dimensions: number;
  /** Seconds. */
  grain: number;
  /** Seconds since the epoch, a multiple of the grain. */
  time: number;
  /** JSON array of the values of the dimensions, in their order. */
  key: string;
  tally: Tally;
  sketch: Sketch;
}

const NANOS_PER_MINUTE = 60_000_000_000n;

/** Seconds since the epoch of the minute of each call; neighbours mostly are of one. */
class MinuteClock {
  private from = 0n;
  private to = 0n;
  private seconds = 0;

  secondsOf(timeUnixNano: bigint): number {
    if (timeUnixNano >= this.from && timeUnixNano < this.to) return this.seconds;
    const minute = BigInt.asIntN(64, timeUnixNano) / NANOS_PER_MINUTE;
    this.from = minute > 0n ? minute * NANOS_PER_MINUTE : 0n;
    this.to = minute > 0n ? this.from + NANOS_PER_MINUTE : 0n;
    this.seconds = Number(minute) * GRAINS.minute;
    return this.seconds;
  }
}

interface Minute {
  time: number;
  key: string;
  /** The first of them: all have the same dimensions. */
  call: Call;
  tally: Tally;
  sketch: Sketch;
}

/** The calls of a batch by one set of dimensions, minute by minute. */
class MinutesOfSet {
  readonly minutes: Minute[] = [];
  private readonly byName = new Map<string, Minute>();
  private latest: Minute | undefined;

  constructor(readonly names: readonly Dimension[]) {}

  /** Most calls have the dimensions of the one before: no name is made for them. */
  of(call: Call, time: number): Minute {
    const { latest: before } = this;
    if (before && before.time === time && this.isAlike(before.call, call)) return before;
    this.latest = this.named(call, time);
    return this.latest;
  }

  private isAlike(a: Call, b: Call): boolean {
    if (a.workspace !== b.workspace) return false;
    for (const name of this.names) if (a[name] !== b[name]) return false;
    return true;
  }

  private named(call: Call, time: number): Minute {
    const key = JSON.stringify(this.names.map((dimension) => call[dimension]));
    const name = `${time} ${key} ${call.workspace}`;
    const known = this.byName.get(name);
    if (known) return known;
    const minute = { time, key, call, tally: new Tally(), sketch: new Sketch() };
    this.byName.set(name, minute);
    this.minutes.push(minute);
    return minute;
  }
}

/** What is added to the rollups of one minute and one key. */
export interface RollupChange {
  workspace: string;
  /** Index into DIMENSION_SETS. */
  dimensions: number;
  /** Seconds since the epoch, a multiple of 60. */
  time: number;
  key: string;
  tally: Tally;
  sketch: Sketch;
}

/** The calls of one batch, added up in memory: a statement for each distinct key, not for each call. */
export class RollupBatch {
  private readonly sets = DIMENSION_SETS.map((names) => new MinutesOfSet(names));
  private readonly clock = new MinuteClock();

  add(call: Call, sign: 1 | -1 = 1): void {
    const time = this.clock.secondsOf(call.startTimeUnixNano);
    const bucket = bucketOf(Number(call.durationNano));
    for (const set of this.sets) {
      const { tally, sketch } = set.of(call, time);
      tally.add(call, sign);
      sketch.addTo(bucket, sign);
    }
  }

  /** A minute may have several with the same key, and one that adds nothing. */
  changes(): RollupChange[] {
    return this.sets.flatMap((set, dimensions) =>
      set.minutes.map(({ call: { workspace }, ...minute }) => ({ workspace, dimensions, ...minute })),
    );
  }
}

/** The set that all dimensions of a query are of; the first when it names none. Throws VALIDATION_FAILED. */
export function dimensionSetOf({ groupBy, filters }: Pick<UsageQuery, 'groupBy' | 'filters'>): number {
  const asked = [...groupBy, ...filteredDimensions(filters)];
  const sets: readonly (readonly Dimension[])[] = DIMENSION_SETS;
  const found = sets.findIndex((names) => asked.every((name) => names.includes(name)));
  if (found >= 0) return found;
  throw new GatewayError(
    'VALIDATION_FAILED',
    'user and session each stand alone: sums are not kept by either together with another dimension',
  );
}

function filteredDimensions(filters: UsageQuery['filters']): Dimension[] {
  return (Object.keys(filters) as Dimension[]).filter((name) => filters[name] !== undefined);
}

/** A row of rollups as an engine read it: of the query's workspace, dimension set, grain and time range. */
export interface ReadRollup {
  /** Seconds since the epoch. */
  time: number;
  key: string;
  /** In the order of SUM_COLUMNS; numbers are safe integers, and of a string the digits. */
  amounts: readonly (number | bigint | string)[];
  /** As `Sketch.encode` wrote them; together they are of the row. */
  sketches: readonly Uint8Array[];
}

const QUANTILES = [0.5, 0.95, 0.99] as const;

/** A group puts its sketches together when it has so many: it is to hold no more than it has to. */
const MAX_SKETCHES = 512;

interface Group {
  time: number | undefined;
  values: string[];
  tally: Tally;
  /** They are decoded when the group is among the rows. */
  sketches: Uint8Array[];
}

/** What some of the rows of a query came to: a group of it, or what others add to one. */
export interface UsagePart {
  time: number | undefined;
  values: string[];
  /** Of the values. */
  name: string;
  /** In the order of SUM_COLUMNS; numbers are safe integers. */
  sums: readonly (number | bigint)[];
  sketches: readonly Uint8Array[];
}

/** The groups with the same values. */
interface Groups {
  values: string[];
  name: string;
  /** Of all times together: the only one, where nobody asked for a series. */
  whole: Group | undefined;
  byTime: Map<number, Group> | undefined;
}

/** A group among the others, with all that it is compared by. */
interface Ranked {
  group: Group;
  name: string;
  time: number;
  picodollars: number | bigint;
}

/** Puts the rows of a query together, whatever their order and however many have one key. */
export class UsageMerge {
  private readonly groups = new Map<string, Groups>();
  private readonly names: readonly Dimension[];
  private readonly filters: readonly Dimension[];
  /** A key is parsed once, not once for each time; null for one that the query doesn't accept. */
  private readonly keys = new Map<string, Groups | null>();

  constructor(private readonly query: UsageQuery) {
    this.names = DIMENSION_SETS[dimensionSetOf(query)]!;
    this.filters = filteredDimensions(query.filters);
  }

  add({ time, key, amounts, sketches }: ReadRollup): void {
    const groups = this.groupsOf(key);
    if (!groups) return;
    this.addTo(this.group(this.query.series ? time : undefined, groups), amounts, sketches);
  }

  /** Of another of the same query. */
  addPart({ time, values, name, sums, sketches }: UsagePart): void {
    this.addTo(this.group(time, this.named(name, values)), sums, sketches);
  }

  /** What has come so far. */
  parts(): UsagePart[] {
    return this.all(({ time, values, tally, sketches }, name) => {
      const few = sketches.length > 1 ? [Sketch.merged(sketches).encode()] : sketches;
      return { time, values, name, sums: tally.sums(), sketches: few };
    });
  }

  private all<Result>(map: (group: Group, name: string) => Result): Result[] {
    const results: Result[] = [];
    for (const { name, whole, byTime } of this.groups.values()) {
      if (whole) results.push(map(whole, name));
      for (const group of byTime?.values() ?? []) results.push(map(group, name));
    }
    return results;
  }

  private addTo(group: Group, amounts: ReadRollup['amounts'], sketches: readonly Uint8Array[]): void {
    group.tally.addAll(amounts);
    for (const sketch of sketches) group.sketches.push(sketch);
    if (group.sketches.length > MAX_SKETCHES) group.sketches = [Sketch.merged(group.sketches).encode()];
  }

  /** By time, then by cost, greatest first; those that nothing is left of are left out. */
  rows(): UsageRow[] {
    const leaders = new Leaders<Ranked>(this.query.limit ?? MAX_USAGE_ROWS, byTimeAndCost);
    for (const group of this.all(rankedOf)) if (!group.group.tally.isZero) leaders.add(group);
    return leaders.sorted().map(({ group }) => this.row(group));
  }

  private groupsOf(key: string): Groups | null {
    const known = this.keys.get(key);
    if (known !== undefined) return known;
    const groups = this.parse(key);
    this.keys.set(key, groups);
    return groups;
  }

  private parse(key: string): Groups | null {
    const all = JSON.parse(key) as string[];
    const valueIn = (name: Dimension) => all[this.names.indexOf(name)] ?? '';
    if (this.filters.some((name) => valueIn(name) !== this.query.filters[name])) return null;
    const values = this.query.groupBy.map(valueIn);
    return this.named(JSON.stringify(values), values);
  }

  private named(name: string, values: string[]): Groups {
    const known = this.groups.get(name);
    if (known) return known;
    const groups = { values, name, whole: undefined, byTime: undefined };
    this.groups.set(name, groups);
    return groups;
  }

  private group(time: number | undefined, groups: Groups): Group {
    if (time === undefined) {
      groups.whole ??= newGroup(undefined, groups.values);
      return groups.whole;
    }
    groups.byTime ??= new Map();
    const group = groups.byTime.get(time) ?? newGroup(time, groups.values);
    groups.byTime.set(time, group);
    return group;
  }

  private row({ time, values, tally, sketches }: Group): UsageRow {
    const { amounts } = tally;
    const [p50, p95, p99] = Sketch.quantilesOf(sketches, QUANTILES);
    return {
      timeUnixMs: time === undefined ? undefined : time * 1000,
      group: Object.fromEntries(this.query.groupBy.map((name, at) => [name, values[at]!])),
      ...toSums(amounts),
      durationNanoSum: amounts[DURATION]!,
      p50DurationNano: p50,
      p95DurationNano: p95,
      p99DurationNano: p99,
    };
  }
}

function rankedOf(group: Group, name: string): Ranked {
  return { group, name, time: group.time ?? 0, picodollars: group.tally.picodollars };
}

function newGroup(time: number | undefined, values: string[]): Group {
  return { time, values, tally: new Tally(), sketches: [] };
}

/** There may be as many as there are sessions. */
function byTimeAndCost(a: Ranked, b: Ranked): number {
  if (a.time !== b.time) return a.time - b.time;
  if (a.picodollars > b.picodollars) return -1;
  return a.picodollars < b.picodollars ? 1 : compareText(a.name, b.name);
}

export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
