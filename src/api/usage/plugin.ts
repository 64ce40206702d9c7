/** Sums over time, from the rollups that are written with the rows: they never disagree with them. */
import type { FastifyReply } from 'fastify';
import type { AccessStore } from '../../access/keys.js';
import type { GenerationReader, UsageQuery } from '../../store/telemetry/generations.js';
import type { TelemetryReader } from '../../store/telemetry/telemetry.js';
import { errorSchema, JSON_TYPE } from '../errors.js';
import { COUNTING, readPaging, renderPage } from '../paging.js';
import type { ApiPlugin } from '../plugin.js';
import { renderRun } from '../run-text.js';
import { EVALUATION_EVENT, NO_EVALUATIONS, readEvaluations } from './evaluations.js';
import { readUsageQuery } from './read.js';
import { renderDay, renderPromptRow, renderUsageRow, renderWindow } from './render.js';
import {
  activityQuery,
  activitySchema,
  evaluationsQuery,
  evaluationsSchema,
  promptUsageQuery,
  promptUsageSchema,
  type Range,
  rangeOf,
  timeSeriesQuery,
  timeSeriesSchema,
  unpricedSchema,
  usageQuery,
  usageSchema,
} from './schema.js';

export interface UsageOptions {
  access: { readonly store: AccessStore };
  generations: GenerationReader;
  telemetry: TelemetryReader;
}

const errors = { '4xx': errorSchema, '5xx': errorSchema };
const NANOS_PER_MS = 1_000_000n;

function overDays(workspace: string, range: Range, groupBy: UsageQuery['groupBy'], series: boolean): UsageQuery {
  return { workspace, ...range, grain: 'day', series, groupBy, filters: {} };
}

function nanosOf({ fromUnixMs, toUnixMs }: Range) {
  return { fromUnixNano: BigInt(fromUnixMs) * NANOS_PER_MS, toUnixNano: BigInt(toUnixMs) * NANOS_PER_MS };
}

function sendJson(reply: FastifyReply, text: string): FastifyReply {
  return reply.type(JSON_TYPE).send(text);
}

export const usagePlugin: ApiPlugin<UsageOptions> = async (app, { access, generations, telemetry }) => {
  const runs = () => access.store.control.runs;

  /** Of the newest page of runs, and how many there were of everything. */
  const readActivity = async (workspace: string, range: Range, query: { page: number; limit: number }) => {
    const filters = { workspace, fromUnixMs: range.fromUnixMs, toUnixMs: range.toUnixMs };
    const sort = { field: 'created_at', descending: true } as const;
    const [page, days, prompts, requests, traces, evaluations] = await Promise.all([
      runs().list({ ...filters, sort, ...readPaging('run', query) }),
      runs().countByDay(filters),
      generations.readUsage(overDays(workspace, range, ['prompt'], false)),
      generations.readUsage(overDays(workspace, range, [], false)),
      telemetry.listTraces({ workspace, ...nanosOf(range), ...COUNTING }),
      telemetry.listLogs({ workspace, ...nanosOf(range), eventName: EVALUATION_EVENT, ...COUNTING }),
    ]);
    const summary = {
      total_runs: days.reduce((sum, day) => sum + day.runs, 0),
      total_traces: traces.total,
      total_logs: requests[0]?.requests ?? 0,
      total_evaluations: evaluations.total,
      active_prompts: prompts.filter(({ group }) => group.prompt !== '').length,
      failed_runs: days.reduce((sum, day) => sum + day.failed, 0),
    };
    return { summary, page };
  };

  app.route({
    method: 'GET',
    url: '/v1/metrics/time-series',
    config: { scope: 'read' },
    schema: {
      tags: ['usage'],
      summary: 'Requests, tokens, cost and latency by day; days without requests are left out',
      querystring: timeSeriesQuery,
      response: { 200: timeSeriesSchema, ...errors },
    },
    handler: async ({ workspace, query: { window } }, reply) => {
      const range = rangeOf(window, Date.now());
      const [rows, days] = await Promise.all([
        generations.readUsage(overDays(workspace, range, [], true)),
        runs().countByDay({ workspace, ...range }),
      ]);
      const byDay = new Map(days.map((day) => [day.dayUnixMs, day]));
      const daily = rows.map((row) => renderDay(row, byDay.get(row.timeUnixMs!)));
      return sendJson(reply, `{${renderWindow(window, range)},"daily":[${daily.join(',')}]}`);
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/metrics/prompts',
    config: { scope: 'read' },
    schema: {
      tags: ['usage'],
      summary: 'What each version of each prompt cost, the dearest first',
      querystring: promptUsageQuery,
      response: { 200: promptUsageSchema, ...errors },
    },
    handler: async ({ workspace, query: { window, limit } }, reply) => {
      const range = rangeOf(window, Date.now());
      const rows = await generations.readUsage(overDays(workspace, range, ['prompt', 'version'], false));
      const named = rows.filter(({ group }) => group.prompt !== '').slice(0, limit);
      const prompts = named.map(renderPromptRow).join(',');
      return sendJson(reply, `{${renderWindow(window, range)},"prompts":[${prompts}]}`);
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/metrics/evaluations',
    config: { scope: 'read' },
    schema: {
      tags: ['usage'],
      summary: 'Scores of evaluations by day, from the results that came as telemetry (gen_ai.evaluation.result)',
      querystring: evaluationsQuery,
      response: { 200: evaluationsSchema, ...errors },
    },
    handler: async ({ workspace, query: { window, name, evaluation_id: id } }, reply) => {
      const range = rangeOf(window, Date.now());
      const found = id === undefined ? await readEvaluations(telemetry, workspace, { ...range, name }) : NO_EVALUATIONS;
      return sendJson(reply, `{${renderWindow(window, range)},${JSON.stringify(found).slice(1)}`);
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/metrics/activity',
    config: { scope: 'read' },
    schema: {
      tags: ['usage'],
      summary: 'How much there was of everything, and the latest runs',
      querystring: activityQuery,
      response: { 200: activitySchema, ...errors },
    },
    handler: async ({ workspace, query }, reply) => {
      const range = rangeOf(query.window, Date.now());
      const { summary, page } = await readActivity(workspace, range, query);
      const recent = renderPage('run', query, page, renderRun);
      const members = `"summary":${JSON.stringify(summary)},"recent_runs":${recent}`;
      return sendJson(reply, `{${renderWindow(query.window, range)},${members}}`);
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/metrics/usage',
    config: { scope: 'read' },
    schema: {
      tags: ['usage'],
      summary: 'Requests, tokens, cost and duration by minute, hour or day, and by model, prompt, user, …',
      querystring: usageQuery,
      response: { 200: usageSchema, ...errors },
    },
    handler: async ({ workspace, query }, reply) => {
      const asked = readUsageQuery(workspace, query, Date.now());
      const rows = (await generations.readUsage(asked)).map(renderUsageRow);
      const [from, to] = [asked.fromUnixMs, asked.toUnixMs].map((time) => new Date(time).toISOString());
      const head = JSON.stringify({ from, to, step: query.step });
      return sendJson(reply, `${head.slice(0, -1)},"rows":[${rows.join(',')}]}`);
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/prices/unpriced',
    config: { scope: 'read' },
    schema: {
      tags: ['prices'],
      summary: 'Models whose requests have no price, most requests first',
      querystring: timeSeriesQuery,
      response: { 200: unpricedSchema, ...errors },
    },
    handler: async ({ workspace, query: { window } }, reply) => {
      const range = rangeOf(window, Date.now());
      const rows = await generations.readUsage(overDays(workspace, range, ['provider', 'model'], false));
      const models = rows
        .filter(({ unpriced }) => unpriced > 0)
        .sort((a, b) => b.unpriced - a.unpriced)
        .map(({ group, unpriced }) => ({ provider: group.provider, model: group.model, requests: unpriced }));
      return sendJson(reply, `{${renderWindow(window, range)},"models":${JSON.stringify(models)}}`);
    },
  });
};
