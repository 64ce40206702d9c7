import { expect, it, onTestFinished } from 'vitest';
import { createBackends } from '../../exporters/backends.js';
import { decodeRequest } from '../../src/otlp/decode.js';
import { configOf } from '../config-file/fixture.js';
import { startHttpBackend } from '../helpers/otlp-backend.js';
import { inPlace } from './encoder.js';
import { appendSpans, delivered, frameWith, spanOf, startExporter } from './fixture.js';

const file = (address: string) => `
receivers: {otlp: }
exporters: {otlp_http: {endpoint: "http://${address}", encoding: json}}
service: {pipelines: {traces: {receivers: [otlp], exporters: [otlp_http]}}}
`;
const variables = (address: string) => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: `http://${address}`,
  OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
});

it.each([
  ['a file', (address: string) => configOf(file(address))],
  ['variables', (address: string) => configOf('', variables(address))],
])('a backend that is to get JSON, by %s, gets something else, or its partial success is lost', async (_by, made) => {
  const backend = await startHttpBackend();
  onTestFinished(() => backend.close());
  const body = JSON.stringify({ partialSuccess: { rejectedSpans: '1', errorMessage: 'one too many' } });
  backend.answer(() => ({ headers: { 'content-type': 'application/json' }, body }));
  const config = made(backend.address);
  const [one] = createBackends({ config, queue: config.exporting, pool: inPlace, version: '1', gatewayId: () => 'g' });
  const test = await startExporter({ transports: { traces: one!.transports.traces! }, queue: { lingerMs: '50' } });
  await appendSpans(test.buffer, [1, 2]);
  await delivered(test);
  const [{ headers, body: sent }, ...others] = backend.taken as [(typeof backend.taken)[0]];
  expect(others).toEqual([]);
  expect(headers['content-type']).toBe('application/json');
  const payload = Buffer.concat([1, 2].map((number) => frameWith([spanOf(number)]).payload as Buffer));
  expect(decodeRequest({ signal: 'traces', encoding: 'json', payload: sent })).toEqual(
    decodeRequest({ signal: 'traces', encoding: 'protobuf', payload }),
  );
  const told = test.happenings.filter(({ name }) => name === 'delivered');
  expect(told).toMatchObject([{ items: 2, rejected: 1, message: 'one too many' }]);
});
