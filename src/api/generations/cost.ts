/** A cost, line by line. */
import { modelOf } from '../../model/generation.js';
import { dollarsText } from '../../model/money.js';
import { type CostLine, isCounted, linesOf, unpricedOf } from '../../pricing/cost.js';
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
  const { cost, serviceTier } = generation;
  if (!cost) return [];
  const { source, rates } = cost.price;
  const isOtherTier = source === 'catalog' && canonicalTier(serviceTier) !== STANDARD_TIER;
  const tier = `It ran on the service tier ${serviceTier}, and published prices are those of the standard one: a price of the workspace's own can name a tier`;
  // Reasoning costs what output does nearly everywhere: that is no news.
  const standIns = lines.filter(({ type }) => rates[type] === undefined && type !== 'reasoning');
  return [
    ...(isOtherTier ? [tier] : []),
    ...standIns.map(({ type }) => `The list has no rate of ${RATE_NAMES[type]}: it costs what it is a part of`),
    ...unpricedOf(cost, generation).map(
      ({ type, count }) => `The list has no price of ${RATE_NAMES[type]}: ${count} of them are not in the figure`,
    ),
  ];
}

/** In the order in which it is found out: no price, no usage, then whose price it is. */
function explain(generation: StoredGeneration): string {
  const { cost, usage } = generation;
  if (cost) {
    const { source, version, model, serviceTier } = cost.price;
    const list = source === 'workspace' ? "the workspace's own prices" : `the price catalogue ${version}`;
    return `Priced by the entry ${model}${serviceTier && ` (${serviceTier})`} of ${list}`;
  }
  if (Object.keys(usage).length === 0) return 'Unpriced: it tells of no tokens';
  if (modelOf(generation) === '') return 'Unpriced: it names no model';
  return 'Unpriced: no entry of a price list matches its model at that time';
}

export function renderCost(generation: StoredGeneration): string {
  const { cost, counted, reportedCost } = generation;
  const lines = cost ? linesOf(cost, generation) : [];
  const members = JSON.stringify({
    id: generationId(generation),
    counted,
    price: renderPrice(cost?.price),
    explanation: explain(generation),
    notes: notesOf(generation, lines),
  });
  return (
    `${members.slice(0, -1)},"cost_usd":${renderDollars(cost?.picodollars)},` +
    `"reported_cost_usd":${renderDollars(reportedCost)},"lines":[${lines.map(renderLine).join(',')}]}`
  );
}
