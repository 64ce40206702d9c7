import { z } from 'zod';
import { metricPointsToOtlpJson } from '../../otlp/encode.js';
import type { TelemetryReader } from '../../store/telemetry/telemetry.js';
import { errorSchema, JSON_TYPE } from '../errors.js';
import { readListQuery } from '../filters.js';
import { createSharedText } from '../json-text.js';
import { nextLink, renderPage } from '../paging.js';
import type { ApiPlugin } from '../plugin.js';
import { renderMetricPoint } from './render.js';
import { listMetricPointsQuery, metricPageSchema, metricsDataSchema } from './schema.js';

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
        ...readListQuery('metric', workspace, query),
        ...(query.name !== undefined && { name: query.name }),
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
};
