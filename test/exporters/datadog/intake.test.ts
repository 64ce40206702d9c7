import { describe, expect, it } from 'vitest';
import { datadogSettings } from '../../../exporters/datadog/config.js';
import { agentIntake, agentlessIntake } from '../../../exporters/datadog/intake.js';

const config = (settings: Record<string, string> = {}) => datadogSettings.parse({ apiKey: 'secret', ...settings });

describe('agentless intake', () => {
  it('is not where Datadog takes OTLP, or not as it takes it', () => {
    expect(agentlessIntake(config(), 'traces')).toEqual({
      protocol: 'http/protobuf',
      url: new URL('https://otlp.datadoghq.com/v1/traces'),
      headers: { 'dd-api-key': 'secret', compute_stats: 'true' },
      compression: 'gzip',
      timeoutMs: 10_000,
      tls: {},
    });
  });

  it('of another site, signal or platform is not there', () => {
    const urlOf = (settings: Record<string, string>, signal: 'logs' | 'metrics') =>
      agentlessIntake(config(settings), signal).url.href;
    expect(urlOf({ site: 'us5.datadoghq.com' }, 'logs')).toBe('https://otlp.us5.datadoghq.com/v1/logs');
    expect(urlOf({ site: 'datadoghq.eu', otlpPlatform: 'vercel' }, 'metrics')).toBe(
      'https://vercel.integrations.otlp.datadoghq.eu/v1/metrics',
    );
  });

  const mapping = '{"ignore_resources":["GET /health"]}';
  it.each([
    [{ llmObservability: 'true', otlpSource: 'acme' }, { 'dd-otlp-source': 'llmobs' }],
    [{ otlpSource: 'acme' }, { 'dd-otlp-source': 'acme', compute_stats: 'true' }],
    [{ computeStats: 'false' }, {}],
    [{ computeStats: 'no', spanMapping: mapping }, { 'dd-otel-span-mapping': mapping }],
  ])('with %o has other headers for traces, or the same for logs', (settings, headers) => {
    expect(agentlessIntake(config(settings), 'traces').headers).toEqual({ 'dd-api-key': 'secret', ...headers });
    expect(agentlessIntake(config(settings), 'logs').headers).toEqual({ 'dd-api-key': 'secret' });
  });

  it('is used without a key', () => {
    expect(() => agentlessIntake(datadogSettings.parse({}), 'traces')).toThrow(/DD_API_KEY/);
  });
});

describe('the Agent’s OTLP receiver', () => {
  it.each([
    [{}, 'http://localhost:4318/v1/traces'],
    [{ agentHost: '10.0.0.7', agentOtlpPort: '14318' }, 'http://10.0.0.7:14318/v1/traces'],
    [{ agentHost: '::1' }, 'http://[::1]:4318/v1/traces'],
  ])('with %o is not at %s, or is told the key', (settings, url) => {
    const intake = agentIntake(config(settings), 'traces');
    expect(intake.url.href).toBe(url);
    expect(intake.headers).toEqual({});
  });
});

describe('settings', () => {
  it.each([
    { site: 'https://datadoghq.com' },
    { agentUrl: '127.0.0.1:8126' },
    { agentPort: '70000' },
    { mode: 'both' },
    { spanMapping: '{' },
    { otlpPlatform: 'a.b' },
  ])('%o is taken', (settings) => {
    expect(() => config(settings)).toThrow(/expected/);
  });
});
