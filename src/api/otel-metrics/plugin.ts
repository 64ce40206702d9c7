import { z } from 'zod';
import { metricPointsToOtlpJson } from '../../otlp/encode.js';
import type { MetricQuery, TelemetryReader } from '../../store/telemetry/telemetry.js';
import { errorSchema, JSON_TYPE } from '../errors.js';
import { readFilters, readListQuery } from '../filters.js';
import { createSharedText } from '../json-text.js';
import { COUNTING, countPageSchema, nextLink, renderCount, renderPage } from '../paging.js';
import type { ApiPlugin } from '../plugin.js';
import { renderMetricPoint } from './render.js';
import { listMetricPointsQuery, metricFilters, metricPageSchema, metricsDataSchema } from './schema.js';

function readMetricFilters(workspace: string, query: z.infer<typeof metricFilters>): Omit<MetricQuery, 'limit'> {
  return { ...readFilters(workspace, query), ...(query.name !== undefined && { name: query.name }) };
}

export const otelMetricsPlugin: ApiPlugin<{ telemetry: TelemetryReader }> = async (app, { telemetry }) => {
  app.route({
    method: 'GET',
    url: '/v1/otel/metrics',
    config: { scope: 'read' },
    schema: {
      tags: ['metrics'],
      summary: 'List OTLP metric points, newest first',
      querystring: listMetricPointsQuery,
      response: { 200: z.union([metricPageSchema, metricsDataSchema]), '4xx': errorSchema, '5xx': errorSchema },
    },
    handler: async (request, reply) => {
      const { query, workspace } = request;
      const page = await telemetry.listMetricPoints({
        ...readMetricFilters(workspace, query),
        ...readListQuery('metric', workspace, query),
      });
      if (query.format === 'otlp') {
        const link = nextLink('metric', request.url, page);
        if (link !== undefined) reply.header('link', link);
        return reply.type(JSON_TYPE).send(metricPointsToOtlpJson(page.items));
      }
      const shared = createSharedText();
      const text = renderPage('metric', query, page, (point) => renderMetricPoint(point, shared));
      return reply.type(JSON_TYPE).send(text);
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/otel/metrics/count',
    config: { scope: 'read' },
    schema: {
      tags: ['metrics'],
      summary: 'How many OTLP metric points match',
      querystring: metricFilters,
      response: { 200: countPageSchema, '4xx': errorSchema, '5xx': errorSchema },
    },
    handler: async ({ workspace, query }, reply) => {
      const page = await telemetry.listMetricPoints({ ...readMetricFilters(workspace, query), ...COUNTING });
      return reply.type(JSON_TYPE).send(renderCount(page));
    },
  });
};
