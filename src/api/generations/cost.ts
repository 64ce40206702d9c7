/** A cost, line by line. */
import { modelOf, type Price } from '../../model/generation.js';
import { dollarsText } from '../../model/money.js';
import { type CostLine, isCounted, linesOf, ratelessOf, unpricedOf } from '../../pricing/cost.js';
import type { PriceBook } from '../../pricing/price-book.js';
import { canonicalTier, STANDARD_TIER } from '../../pricing/spelling.js';
import type { StoredGeneration } from '../../store/telemetry/generations.js';
import { RATE_NAMES } from '../priced-types.js';
import { renderDollars } from '../usage-schema.js';
import { generationId } from './id.js';
import { renderPrice } from './render.js';

function renderLine({ type, count, rate, picodollars }: CostLine) {
  const members = isCounted(type)
    ? { billed: RATE_NAMES[type], count, usd_per_thousand: rate }
    : { token_type: RATE_NAMES[type], tokens: count, usd_per_million_tokens: rate };
  return `${JSON.stringify(members).slice(0, -1)},"cost_usd":${dollarsText(picodollars)}}`;
}

/** What nobody would see in the lines. */
function notesOf(generation: StoredGeneration, lines: readonly CostLine[]): string[] {
  const { cost, serviceTier, kind, usage } = generation;
  if (!cost) return [];
  const { source, rates } = cost.price;
  const isOtherTier = source === 'catalog' && canonicalTier(serviceTier) !== STANDARD_TIER;
  const tier = `It ran on the service tier ${serviceTier}, and published prices are those of the standard one: a price of the workspace's own can name a tier`;
  // Reasoning costs what output does nearly everywhere: that is no news.
  const standIns = lines.filter(({ type }) => rates[type] === undefined && type !== 'reasoning');
  // What a model answers costs something: a count that is missing, or could not be understood, is not in the figure.
  const isHalf = kind === 'llm' && (usage.input === undefined || usage.output === undefined);
  const half = `It tells of no ${usage.input === undefined ? 'input' : 'output'} tokens: they are not in the figure`;
  return [
    ...(isOtherTier ? [tier] : []),
    ...(isHalf ? [half] : []),
    ...standIns.map(({ type }) => `The list has no rate of ${RATE_NAMES[type]}: it costs what it is a part of`),
    ...unpricedOf(cost, generation).map(
      ({ type, count }) => `The list has no price of ${RATE_NAMES[type]}: ${count} of them are not in the figure`,
    ),
  ];
}

function nameOf({ source, version, model, serviceTier }: Price): string {
  const list = source === 'workspace' ? "the workspace's own prices" : `the price catalogue ${version}`;
  return `the entry ${model}${serviceTier && ` (${serviceTier})`} of ${list}`;
}

/** In the order in which it is found out: no price, no usage, then whose price it is. `prices` are those of now. */
function explain(generation: StoredGeneration, workspace: string, prices: PriceBook): string {
  const { cost, usage } = generation;
  if (cost) return `Priced by ${nameOf(cost.price)}`;
  if (Object.values(usage).every((count) => count === 0)) return 'Unpriced: it tells of no tokens';
  if (modelOf(generation) === '') return 'Unpriced: it names no model';
  const price = prices.explain(workspace, generation).bands[0]?.price;
  if (!price) return 'Unpriced: no entry of a price list matches its model at that time';
  return unpricedBy(generation, price, prices.costOf(workspace, generation) !== undefined);
}

/** A price that matches, and gave no figure. */
function unpricedBy(generation: StoredGeneration, price: Price, hasPriceNow: boolean): string {
  if (hasPriceNow) return `Unpriced: ${nameOf(price)} came later, and applies once that time is priced anew`;
  const rateless = ratelessOf(price, generation).map((type) => RATE_NAMES[type]);
  if (rateless.length > 0) return `Unpriced: ${nameOf(price)} has no rate of ${rateless.join(', ')}`;
  return `Unpriced: by ${nameOf(price)} it is more than nine million dollars`;
}

export function renderCost(generation: StoredGeneration, workspace: string, prices: PriceBook): string {
  const { cost, counted, reportedCost } = generation;
  const lines = cost ? linesOf(cost, generation) : [];
  const members = JSON.stringify({
    id: generationId(generation),
    counted,
    price: renderPrice(cost?.price),
    explanation: explain(generation, workspace, prices),
    notes: notesOf(generation, lines),
  });
  return (
    `${members.slice(0, -1)},"cost_usd":${renderDollars(cost?.picodollars)},` +
    `"reported_cost_usd":${renderDollars(reportedCost)},"lines":[${lines.map(renderLine).join(',')}]}`
  );
}
