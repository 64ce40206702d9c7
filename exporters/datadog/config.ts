import { z } from 'zod';
import { flag, milliseconds, namesNoUser, oneOf, port, type SettingMeta, text } from '../../src/setting.js';

function json() {
  return z.string().refine((value) => {
    try {
      return typeof JSON.parse(value) === 'object';
    } catch {
      return false;
    }
  }, 'expected a JSON object, such as {"span_name_as_resource_name":true}');
}

/** Names that Datadog's own tools know are theirs. */
export const datadogSettings = z.object({
  mode: oneOf(['agent', 'agentless', 'agent-traces'])
    .optional()
    .meta({
      env: 'DATADOG_EXPORTER',
      description:
        "Sends everything on to Datadog: agent = OTLP to the Datadog Agent, agentless = OTLP to Datadog's intake, agent-traces = the Agent's own trace API (traces only)",
    } satisfies SettingMeta),
  site: z
    .string()
    .regex(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/i, 'expected a site, such as datadoghq.com or datadoghq.eu')
    .prefault('datadoghq.com')
    .meta({ env: 'DD_SITE', description: 'The Datadog site of agentless intake' } satisfies SettingMeta),
  apiKey: text()
    .optional()
    .meta({ env: 'DD_API_KEY', description: 'The API key of agentless intake', secret: true } satisfies SettingMeta),
  agentHost: text()
    .prefault('localhost')
    .meta({ env: 'DD_AGENT_HOST', description: 'Where the Datadog Agent is' } satisfies SettingMeta),
  agentPort: port()
    .prefault('8126')
    .meta({ env: 'DD_TRACE_AGENT_PORT', description: "Port of the Agent's trace API" } satisfies SettingMeta),
  agentUrl: z
    .string()
    .regex(/^(https?:\/\/.|unix:\/\/\/.)/, 'expected http://host:8126 or unix:///var/run/datadog/apm.socket')
    .refine(namesNoUser, 'expected no user in it: the Agent asks nobody who it is')
    .optional()
    .meta({
      env: 'DD_TRACE_AGENT_URL',
      description: "URL of the Agent's trace API, http or unix; wins over host and port",
    } satisfies SettingMeta),
  agentOtlpPort: port()
    .prefault('4318')
    .meta({
      env: 'DATADOG_AGENT_OTLP_PORT',
      description: "Port of the Agent's OTLP/HTTP receiver (otlp_config.receiver.protocols.http)",
    } satisfies SettingMeta),
  llmObservability: flag()
    .prefault('false')
    .meta({
      env: 'DD_LLMOBS_ENABLED',
      description: 'Agentless: GenAI spans go to LLM Observability, with the service as ml_app, instead of to APM',
    } satisfies SettingMeta),
  otlpSource: text()
    .optional()
    .meta({
      env: 'DATADOG_OTLP_SOURCE',
      description: 'Agentless: dd-otlp-source of traces, where Datadog gave your organisation a value for it',
    } satisfies SettingMeta),
  otlpPlatform: z
    .string()
    .regex(/^[a-z0-9-]+$/, 'expected the name of a platform, such as vercel')
    .optional()
    .meta({
      env: 'DATADOG_OTLP_PLATFORM',
      description: 'Agentless: the managed platform whose intake is to be used',
    } satisfies SettingMeta),
  computeStats: flag()
    .prefault('true')
    .meta({
      env: 'DATADOG_COMPUTE_STATS',
      description: 'Agentless: has Datadog compute trace metrics from the spans',
    } satisfies SettingMeta),
  spanMapping: json()
    .optional()
    .meta({
      env: 'DATADOG_SPAN_MAPPING',
      description:
        'Agentless: dd-otel-span-mapping, JSON with span_name_as_resource_name, span_name_remappings, ignore_resources',
    } satisfies SettingMeta),
  timeoutMs: milliseconds(1, 600_000)
    .prefault('10000')
    .meta({ env: 'DATADOG_TIMEOUT_MS', description: 'How long one request to Datadog may take' } satisfies SettingMeta),
});

export type DatadogConfig = Readonly<z.output<typeof datadogSettings>>;
