/**
 * What a call costs: by the workspace's own prices, else by the published ones, else nobody knows (which is not zero).
 * Pure, and good for a writer thread: what applies on a day is found once and kept.
 */
import { LRUCache } from 'lru-cache';
import type { Cost, Generation, Price, PricedType } from '../model/generation.js';
import type { OwnPrice, Rates } from '../store/control/prices.js';
import { type Catalog, type CatalogEntry, catalog as packageCatalog } from './catalog.js';
import { sumOf, type UnitRates, unitRatesOf } from './cost.js';
import { compilePattern, type Pattern } from './pattern.js';
import { ANY, canonicalProvider, canonicalTier, STANDARD_TIER } from './spelling.js';

export type PricedCall = Pick<
  Generation,
  'provider' | 'requestModel' | 'responseModel' | 'serviceTier' | 'usage' | 'billed' | 'startTimeUnixNano'
>;

/** Everything but the tokens. */
export type Question = Omit<PricedCall, 'usage' | 'billed'>;

export interface PriceBand {
  /** The whole request has the rates of the highest band that its input reaches; -1: any. */
  aboveInputTokens: number;
  price: Price;
}

export interface Explanation {
  /** Of one kind; empty when nothing is known of the model. */
  bands: readonly PriceBand[];
  /** Whose name found it. */
  by: 'response_model' | 'request_model' | undefined;
  /** Own prices that match as well, the one that applies first. */
  own: readonly OwnPrice[];
}

export interface PriceBook {
  /** undefined: unpriced. Never throws. */
  costOf(workspace: string, call: PricedCall): Cost | undefined;
  explain(workspace: string, question: Question): Explanation;
}

export interface PriceBookOptions {
  catalog?: Catalog;
  /** Models and days whose price is kept. */
  maxPlans?: number;
}

const MAX_PLANS = 10_000;
/** What is longer is no model's name, and is worth no search. */
export const MAX_MODEL_CHARACTERS = 512;
const DAY_MS = 86_400_000;
const NANO_PER_MS = 1_000_000n;

interface RatedBand extends PriceBand {
  rates: UnitRates;
}

/** Equal for all that is asked of it from this millisecond of the day on. */
interface Phase {
  fromMs: number;
  bands: readonly RatedBand[];
}

interface OwnEntry {
  own: OwnPrice;
  pattern: Pattern;
  bands: readonly RatedBand[];
}

interface Names {
  provider: string;
  models: readonly string[];
  tier: string;
}

interface Found {
  bands: readonly RatedBand[];
  /** Which of the names found it. */
  model: number | undefined;
  changesAtMs: readonly number[];
}

function ownPriceOf(own: OwnPrice): Price {
  const { id, revision, provider, pattern, serviceTier, rates } = own;
  const version = `${id}.${revision}`;
  const tier = serviceTier === STANDARD_TIER ? '' : serviceTier;
  return {
    key: `workspace/${version}`,
    source: 'workspace',
    version,
    provider,
    model: pattern,
    serviceTier: tier,
    rates,
  };
}

function ownEntryOf(own: OwnPrice): OwnEntry {
  const price = ownPriceOf(own);
  const bands = [{ aboveInputTokens: -1, price, rates: unitRatesOf(own.rates) }];
  return { own, pattern: compilePattern(own.pattern), bands };
}

/** A tier, then a provider, then a longer name is narrower; of equal ones the latest that has begun. */
function byNarrowness(a: OwnEntry, b: OwnEntry): number {
  const named = (text: string) => (text === ANY ? 0 : 1);
  return (
    named(b.own.serviceTier) - named(a.own.serviceTier) ||
    named(b.own.provider) - named(a.own.provider) ||
    b.pattern.literals - a.pattern.literals ||
    b.own.validFromUnixMs - a.own.validFromUnixMs ||
    b.own.id - a.own.id
  );
}

function byWorkspace(prices: readonly OwnPrice[]): Map<string, OwnEntry[]> {
  const groups = new Map<string, OwnEntry[]>();
  for (const own of prices) {
    const group = groups.get(own.workspace);
    if (group) group.push(ownEntryOf(own));
    else groups.set(own.workspace, [ownEntryOf(own)]);
  }
  for (const group of groups.values()) group.sort(byNarrowness);
  return groups;
}

function applies({ own }: OwnEntry, { provider, tier }: Names): boolean {
  const { provider: ofProvider, serviceTier } = own;
  return (ofProvider === ANY || ofProvider === provider) && (serviceTier === ANY || serviceTier === tier);
}

/** Of each model in turn, whether they have begun or not. */
function matching(entries: readonly OwnEntry[], names: Names): OwnEntry[][] {
  const some = entries.filter((entry) => applies(entry, names));
  return names.models.map((model) => some.filter(({ pattern }) => pattern.matches(model)));
}

function describe(rates: Rates): string {
  return (Object.entries(rates) as [PricedType, string][]).map(([type, rate]) => `${type}=${rate}`).join(',');
}

function catalogBands({ provider, model, bands }: CatalogEntry, version: string): readonly RatedBand[] {
  return bands.map(({ aboveInputTokens, rates }) => {
    const key = `catalog/${version}/${provider}/${model}/${describe(rates)}`;
    const price: Price = { key, source: 'catalog', version, provider, model, serviceTier: '', rates };
    return { aboveInputTokens, price, rates: unitRatesOf(rates) };
  });
}

/** The model that answered comes first: it is what was paid for. */
function namesOf({ provider, responseModel, requestModel, serviceTier }: Question): Names {
  const models = [...new Set([responseModel, requestModel])].filter((model) => model !== '');
  return {
    provider: canonicalProvider(provider),
    models: models.map((model) => model.trim().toLowerCase()),
    tier: canonicalTier(serviceTier),
  };
}

function nameOf({ responseModel }: Question, model: number): Explanation['by'] {
  return model === 0 && responseModel !== '' ? 'response_model' : 'request_model';
}

function bandOf(bands: readonly RatedBand[], inputTokens: number): RatedBand | undefined {
  let reached: RatedBand | undefined;
  for (const band of bands) if (inputTokens > band.aboveInputTokens) reached = band;
  return reached;
}

function phaseAt(phases: readonly Phase[], ms: number): Phase {
  let current = phases[0]!;
  if (phases.length === 1) return current;
  for (const phase of phases) if (phase.fromMs <= ms) current = phase;
  return current;
}

type Asked = Omit<Question, 'startTimeUnixNano'>;

function isAsked(one: Asked, other: Asked): boolean {
  const isOfModel = one.responseModel === other.responseModel && one.requestModel === other.requestModel;
  return isOfModel && one.provider === other.provider && one.serviceTier === other.serviceTier;
}

class CachedPriceBook implements PriceBook {
  private readonly own: Map<string, OwnEntry[]>;
  private readonly plans: LRUCache<string, readonly Phase[]>;
  /** As many as the catalog has prices. */
  private readonly published = new Map<string, readonly RatedBand[]>();
  private readonly catalog: Catalog;
  private latest: { workspace: string; call: Asked; day: number; plan: readonly Phase[] } | undefined;

  constructor(prices: readonly OwnPrice[], { catalog = packageCatalog, maxPlans = MAX_PLANS }: PriceBookOptions) {
    this.own = byWorkspace(prices);
    this.catalog = catalog;
    this.plans = new LRUCache({ max: maxPlans });
  }

  costOf(workspace: string, call: PricedCall): Cost | undefined {
    const { requestModel, responseModel, provider, serviceTier, usage, billed } = call;
    const characters = requestModel.length + responseModel.length + provider.length + serviceTier.length;
    if (characters === 0 || characters > 2 * MAX_MODEL_CHARACTERS) return undefined;
    const unixMs = Number(call.startTimeUnixNano / NANO_PER_MS);
    const day = Math.floor(unixMs / DAY_MS);
    const band = bandOf(phaseAt(this.planOf(workspace, call, day), unixMs - day * DAY_MS).bands, usage.input ?? 0);
    const picodollars = band && sumOf({ usage, billed }, band.rates);
    return picodollars === undefined ? undefined : { picodollars, price: band!.price };
  }

  explain(workspace: string, question: Question): Explanation {
    const names = namesOf(question);
    const unixMs = Number(question.startTimeUnixNano / NANO_PER_MS);
    const own = matching(this.own.get(workspace) ?? [], names);
    const begun = own.flat().filter((entry) => entry.own.validFromUnixMs <= unixMs);
    const { bands, model } = this.foundAt(names, own, unixMs);
    return {
      bands: bands.map(({ aboveInputTokens, price }) => ({ aboveInputTokens, price })),
      by: model === undefined ? undefined : nameOf(question, model),
      own: [...new Set(begun.map((entry) => entry.own))],
    };
  }

  /** Calls come by their models: most are asked of as the one before. */
  private planOf(workspace: string, call: Question, day: number): readonly Phase[] {
    const { latest } = this;
    if (latest && latest.day === day && latest.workspace === workspace && isAsked(latest.call, call))
      return latest.plan;
    const plan = this.keptPlanOf(workspace, call, day);
    const { provider, responseModel, requestModel, serviceTier } = call;
    this.latest = { workspace, call: { provider, responseModel, requestModel, serviceTier }, day, plan };
    return plan;
  }

  private keptPlanOf(workspace: string, call: Question, day: number): readonly Phase[] {
    const own = this.own.get(workspace);
    // No workspace has the name '': those without prices of their own share what is published.
    const { provider, responseModel, requestModel, serviceTier } = call;
    const key = `${own ? workspace : ''}\n${provider}\n${responseModel}\n${requestModel}\n${serviceTier}\n${day}`;
    const known = this.plans.get(key);
    if (known) return known;
    const plan = this.plan(namesOf(call), own ?? [], day * DAY_MS);
    this.plans.set(key, plan);
    return plan;
  }

  /** Most days have one phase: some prices change with the hour, and own ones begin when their owner says. */
  private plan(names: Names, entries: readonly OwnEntry[], dayUnixMs: number): Phase[] {
    const own = matching(entries, names);
    const first = this.foundAt(names, own, dayUnixMs);
    const begins = own.flat().map((entry) => entry.own.validFromUnixMs - dayUnixMs);
    const turns = [...begins, ...first.changesAtMs].filter((ms) => ms > 0 && ms < DAY_MS);
    const times = [...new Set(turns.sort((a, b) => a - b))];
    const later = times.map((fromMs) => ({ fromMs, bands: this.foundAt(names, own, dayUnixMs + fromMs).bands }));
    return [{ fromMs: 0, bands: first.bands }, ...later];
  }

  private foundAt(names: Names, own: readonly OwnEntry[][], unixMs: number): Found {
    for (const [model, entries] of own.entries()) {
      const first = entries.find((entry) => entry.own.validFromUnixMs <= unixMs);
      // Own prices may begin later in the day, but never end: nothing published takes their place.
      if (first) return { bands: first.bands, model, changesAtMs: [] };
    }
    for (const [model, name] of names.models.entries()) {
      const found = this.catalog.find(names.provider, name, unixMs);
      if (found) return { bands: this.bandsOf(found), model, changesAtMs: found.changesAtMs };
    }
    return { bands: [], model: undefined, changesAtMs: [] };
  }

  /** The same objects for the same prices, whatever name, workspace or day they were found by. */
  private bandsOf(entry: CatalogEntry): readonly RatedBand[] {
    const key = JSON.stringify([entry.provider, entry.model, entry.bands]);
    const known = this.published.get(key);
    if (known) return known;
    const bands = catalogBands(entry, this.catalog.version);
    this.published.set(key, bands);
    return bands;
  }
}

export function createPriceBook(ownPrices: readonly OwnPrice[], options: PriceBookOptions = {}): PriceBook {
  return new CachedPriceBook(ownPrices, options);
}
