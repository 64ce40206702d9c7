/** Where OTLP goes in Datadog: the presets of the OTLP exporter for an Agent and for the intake without one. */
import type { Signal } from '../../src/component.js';
import { GatewayError } from '../../src/errors.js';
import type { Destination } from '../otlp/destination.js';
import type { DatadogConfig } from './config.js';

type HttpDestination = Destination & { protocol: 'http/protobuf' };

/** Of a request's payload: answered with 413 beyond. The documentation doesn't say whether it counts before or after compression: before is safe. */
export const MAX_INTAKE_BYTES = 3_200_000;

/** The Agent's OTLP receiver (`otlp_config.receiver.protocols.http`), which adds host tags and trace metrics. */
export function agentIntake(config: DatadogConfig, signal: Signal): HttpDestination {
  const { agentHost, agentOtlpPort, timeoutMs } = config;
  return {
    protocol: 'http/protobuf',
    url: new URL(`http://${bracketed(agentHost)}:${agentOtlpPort}/v1/${signal}`),
    headers: {},
    compression: 'gzip',
    timeoutMs,
    tls: {},
  };
}

/** An address of IPv6 stands in brackets in a URL. */
export function bracketed(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}

/** Datadog's own intake: HTTP only, 202 for what it takes, and of metrics those that are delta. Throws CONFIG_INVALID without a key. */
export function agentlessIntake(config: DatadogConfig, signal: Signal): HttpDestination {
  const { site, otlpPlatform, timeoutMs } = config;
  const host = otlpPlatform === undefined ? `otlp.${site}` : `${otlpPlatform}.integrations.otlp.${site}`;
  return {
    protocol: 'http/protobuf',
    url: new URL(`https://${host}/v1/${signal}`),
    headers: { 'dd-api-key': keyOf(config), ...(signal === 'traces' && traceHeaders(config)) },
    compression: 'gzip',
    timeoutMs,
    tls: {},
  };
}

function keyOf({ apiKey }: DatadogConfig): string {
  if (apiKey !== undefined) return apiKey;
  throw new GatewayError('CONFIG_INVALID', 'DATADOG_EXPORTER=agentless needs an API key: set DD_API_KEY');
}

/** `llmobs` sends spans of generative AI (semantic conventions from 1.37 on) to LLM Observability, and no others. */
function traceHeaders({
  llmObservability,
  otlpSource,
  computeStats,
  spanMapping,
}: DatadogConfig): Record<string, string> {
  const source = llmObservability ? 'llmobs' : otlpSource;
  return {
    ...(source !== undefined && { 'dd-otlp-source': source }),
    ...(computeStats && !llmObservability && { compute_stats: 'true' }),
    ...(spanMapping !== undefined && { 'dd-otel-span-mapping': spanMapping }),
  };
}
