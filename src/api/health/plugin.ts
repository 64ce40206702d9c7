import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import type { ApiPlugin } from '../plugin.js';
import { createDeepCheck } from './deep.js';
import { deepHealthSchema, healthSchema, readySchema } from './schema.js';
import type { HealthSource } from './source.js';

export interface HealthOptions {
  health: HealthSource;
  version: string;
  metrics: { contentType: string; render(): Promise<string> };
}

export const healthPlugin: ApiPlugin<HealthOptions> = async (app, { health, version, metrics }) => {
  const config = { public: true };
  const deepCheck = createDeepCheck(health);

  app.route({
    method: 'GET',
    url: '/health',
    config,
    schema: {
      tags: ['health'],
      summary: 'The process is up (liveness): also while it drains',
      response: { 200: healthSchema },
    },
    handler: async () => {
      const { otlpHttp, otlpGrpc } = health.ports();
      const api = (app.server.address() as AddressInfo | null)?.port ?? null;
      return { status: 'ok', version, ports: { api, otlp_http: otlpHttp ?? null, otlp_grpc: otlpGrpc ?? null } };
    },
  });

  app.route({
    method: 'GET',
    url: '/health/ready',
    config,
    schema: {
      tags: ['health'],
      summary: 'It takes requests (readiness): 503 while it starts or drains',
      response: { 200: readySchema, 503: readySchema },
    },
    handler: async (_request, reply) => {
      const state = health.state();
      return state === 'serving' ? { status: 'ready' } : reply.code(503).send({ status: state });
    },
  });

  app.route({
    method: 'GET',
    url: '/health/deep',
    config,
    schema: {
      tags: ['health'],
      summary: 'Buffer, store and lag: 503 when one of them is in trouble',
      response: { 200: deepHealthSchema, 503: deepHealthSchema },
    },
    handler: async (_request, reply) => {
      const report = await deepCheck();
      return reply.code(report.status === 'ok' ? 200 : 503).send(report);
    },
  });

  app.route({
    method: 'GET',
    url: '/metrics',
    config,
    schema: {
      tags: ['health'],
      summary: 'Prometheus metrics',
      produces: ['text/plain'],
      response: { 200: z.string() },
    },
    handler: async (_request, reply) => reply.type(metrics.contentType).send(await metrics.render()),
  });
};
