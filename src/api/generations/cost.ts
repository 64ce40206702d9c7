/** A cost, line by line. */
import { modelOf } from '../../model/generation.js';
import { dollarsText } from '../../model/money.js';
import { linesOf } from '../../pricing/cost.js';
import type { StoredGeneration } from '../../store/telemetry/generations.js';
import { snakeCase } from '../json-text.js';
import { renderDollars } from '../usage-schema.js';
import { generationId } from './id.js';
import { renderPrice } from './render.js';

function renderLine({ tokenType, tokens, usdPerMillionTokens, picodollars }: ReturnType<typeof linesOf>[number]) {
  const members = { token_type: snakeCase(tokenType), tokens, usd_per_million_tokens: usdPerMillionTokens };
  return `${JSON.stringify(members).slice(0, -1)},"cost_usd":${dollarsText(picodollars)}}`;
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
  const { cost, usage, counted, reportedCost } = generation;
  const lines = cost ? linesOf(cost, usage).map(renderLine) : [];
  const members = JSON.stringify({
    id: generationId(generation),
    counted,
    price: renderPrice(cost?.price),
    explanation: explain(generation),
  });
  return (
    `${members.slice(0, -1)},"cost_usd":${renderDollars(cost?.picodollars)},` +
    `"reported_cost_usd":${renderDollars(reportedCost)},"lines":[${lines.join(',')}]}`
  );
}
