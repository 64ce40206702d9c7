/** The API over an in-memory store, in a healthy gateway whose state a test can change. */
import { nopReceiverEvents } from '../../receivers/otlp/events.js';
import { createOtlpHandler } from '../../receivers/otlp/handler.js';
import { InFlight } from '../../receivers/otlp/in-flight.js';
import { type ApiOptions, buildApp } from '../../src/api/app.js';
import type { ApiEvents } from '../../src/api/events.js';
import { nopApiEvents } from '../../src/api/events.js';
import type { HealthSource } from '../../src/api/health/source.js';
import { conversationOf } from '../../src/semconv/conversation.js';
import { createGenerationsMemory } from './generations-memory.js';
import { identifyAnyone } from './identities.js';
import { createNativeMemory } from './native-memory.js';
import { createTelemetryMemory } from './telemetry-memory.js';

type Failure = Parameters<ApiEvents['failed']>[0];
type Answer = Parameters<ApiEvents['answered']>[0];

export const healthyGateway: HealthSource = {
  state: () => 'serving',
  ports: () => ({ otlpHttp: 4318, otlpGrpc: 4317 }),
  buffer: () => ({
    accepting: true,
    bytes: 10,
    maxBytes: 1000,
    consumers: { store: { bytes: 10, frames: 1, items: 5, oldestAgeMs: 20 } },
  }),
  store: { type: 'sqlite', ping: async () => {}, writing: () => true },
};

export function apiOptions(overrides: Partial<ApiOptions> = {}) {
  const telemetry = createTelemetryMemory();
  const generations = createGenerationsMemory();
  const failures: Failure[] = [];
  const answers: Answer[] = [];
  const options: ApiOptions = {
    config: { port: 0, host: '127.0.0.1', corsOrigins: [], trustedProxies: [] },
    version: '1.2.3',
    telemetry,
    generations: { reader: generations, readConversation: async (source) => conversationOf(source) },
    identify: identifyAnyone,
    health: healthyGateway,
    metrics: { contentType: 'text/plain; version=0.0.4; charset=utf-8', render: async () => 'up 1\n' },
    events: {
      ...nopApiEvents,
      failed: (failure) => void failures.push(failure),
      answered: (answer) => void answers.push(answer),
    },
    ...overrides,
  };
  return { options, telemetry, generations, failures, answers };
}

export async function testApp(overrides: Partial<ApiOptions> = {}) {
  const { options, ...rest } = apiOptions(overrides);
  const app = await buildApp(options);
  return { app, ...rest };
}

const MAX_BODY_BYTES = 64 * 2 ** 20;

/** The API with both doors to its telemetry: OTLP's, and the native one. */
export async function testNativeApp(overrides: Partial<ApiOptions> = {}) {
  const telemetry = createTelemetryMemory();
  const native = createNativeMemory(telemetry);
  const inFlight = new InFlight(MAX_BODY_BYTES);
  const otlp = createOtlpHandler({
    transport: 'api',
    next: native.next,
    inFlight,
    maxBodyBytes: MAX_BODY_BYTES,
    events: nopReceiverEvents,
  });
  const context = await testApp({ telemetry, native: native.intake, otlp, inFlight, ...overrides });
  return { ...context, telemetry, native, inFlight };
}
