import { describe, expect, it } from 'vitest';
import { type Announced, announcement } from '../src/announcement.js';

const announced: Announced = {
  addresses: { api: 'http://127.0.0.1:3000', otlpHttp: 'http://127.0.0.1:4318', otlpGrpc: '127.0.0.1:4317' },
  dataDirectory: '/data',
  telemetry: 'SQLite',
  access: { apiAuth: 'required', otlpAuth: 'auto' },
  firstKey: undefined,
};
const linesOf = (changes: Partial<Announced>) => announcement({ ...announced, ...changes }).slice(2);

describe('the lines to try', () => {
  it('have the key in them once, and the variable that holds it afterwards', () => {
    expect(linesOf({ firstKey: 'pm_1' })).toEqual([
      'Send: export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318',
      'Try: curl -H X-API-Key:pm_1 http://127.0.0.1:3000/v1/traces',
    ]);
    expect(linesOf({})[1]).toBe('Try: curl -H X-API-Key:$PROMPTMETRICS_API_KEY http://127.0.0.1:3000/v1/traces');
  });

  it('have a key only where one is asked for', () => {
    expect(linesOf({ access: { apiAuth: 'off', otlpAuth: 'required' }, firstKey: 'pm_1' })).toEqual([
      'Send: export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 OTEL_EXPORTER_OTLP_HEADERS=x-api-key=pm_1',
      'Try: curl http://127.0.0.1:3000/v1/traces',
    ]);
    expect(linesOf({ access: { apiAuth: 'auto', otlpAuth: 'off' } })[1]).not.toContain('X-API-Key');
  });

  it('name an address that can be called where every address is bound', () => {
    const everywhere = { api: 'http://0.0.0.0:3000', otlpHttp: 'https://[::]:4318', otlpGrpc: '[::]:4317' };
    const [send, attempt] = linesOf({ addresses: everywhere });
    expect(send).toContain('https://[::1]:4318');
    expect(attempt).toContain('http://127.0.0.1:3000/');
  });

  it('need no quotes, which a log in JSON would escape', () => {
    for (const line of announcement({ ...announced, firstKey: 'pm_1' })) expect(line).not.toMatch(/["'\\]/);
  });
});
