import { describe, expect, it } from 'vitest';
import { logPayload } from '../../receivers/native/log-payload.js';
import type { LogBody } from '../../src/model/native.js';
import { LogTimes, logTimeOf } from '../../src/model/native-log-ids.js';
import { logFilters, logStatusOf } from '../../src/model/native-logs.js';
import { LOG_EVENT, NATIVE_SCOPE } from '../../src/model/native-names.js';
import { nativeLogOf } from '../../src/model/native-view.js';
import { decodeRequest } from '../../src/otlp/decode.js';
import { recordSource } from '../helpers/records.js';

const PROMPT = { prompt_name: 'p', version_tag: '1.0.0' };
const TIME = new LogTimes(
  () => 3,
  () => 1_767_225_600_000,
).next();

function stored(log: Partial<LogBody>) {
  const payload = Buffer.concat([...logPayload([{ log: { ...PROMPT, ...log }, timeUnixNano: TIME }])]);
  return decodeRequest({ signal: 'logs', encoding: 'protobuf', payload }).logRecords[0]!;
}

describe('the status of a log', () => {
  it.each<[Partial<LogBody>, 'ok' | 'error', string | undefined]>([
    [{}, 'ok', undefined],
    [{ http_status: 499 }, 'ok', undefined],
    [{ http_status: 500 }, 'error', '500'],
    [{ metadata: { error: 'broken' } }, 'error', undefined],
    [{ metadata: { error: { code: 'E1' } } }, 'error', 'E1'],
    [{ metadata: { error: { code: 0 } } }, 'error', '0'],
    [{ metadata: { error: { code: {} } }, http_status: 502 }, 'error', '502'],
    [{ metadata: { error: 0 } }, 'ok', undefined],
    [{ status: 'ok', metadata: { error: { code: 'E1' } } }, 'ok', 'E1'],
    [{ status: 'error' }, 'error', undefined],
    [{ error_code: 'mine', metadata: { error: { code: 'E1' } }, http_status: 500 }, 'error', 'mine'],
  ])('%j is not %s with the code %s', (log, status, errorCode) => {
    expect(logStatusOf({ ...PROMPT, ...log })).toEqual({ status, errorCode });
    expect(nativeLogOf(stored(log))).toMatchObject({ status, error_code: errorCode ?? null });
    expect(stored(log)).toMatchObject(
      status === 'ok' ? { severityNumber: 9, severityText: 'INFO' } : { severityNumber: 17, severityText: 'ERROR' },
    );
  });
});

describe('the row of a log', () => {
  it('what a client left out is not null, or its metadata not an empty object', () => {
    const { id, ...row } = nativeLogOf(stored({}));
    expect(logTimeOf(id)).toBe(TIME);
    const { prompt_name, version_tag, status, metadata, ...others } = row;
    expect({ prompt_name, version_tag, status, metadata }).toEqual({ ...PROMPT, status: 'ok', metadata: '{}' });
    expect(new Set(Object.values(others))).toEqual(new Set([null]));
  });

  it('a field comes back as another than it was, or zero as null', () => {
    const fields = {
      provider: 'openai',
      model: 'gpt-4o "mini"',
      tokens_in: 0,
      tokens_out: 2 ** 53 - 1,
      latency_ms: 0,
      cost_usd: 0.000123,
      ollama_keep_alive: '5m',
      error_code: 'E',
      http_status: 0,
      run_id: 'Run-1',
      trace_id: '{5B8EFFF7-9803-8103-D269-B633813FC60C}',
      span_id: 'eee19b7ec3c1b174',
    };
    const record = stored({
      ...fields,
      status: 'error',
      ollama_options: { seed: -0, a: [] },
      ollama_format: { type: 'x' },
    });
    expect(nativeLogOf(record)).toMatchObject({
      ...fields,
      ollama_options: '{"seed":-0,"a":[]}',
      ollama_format: '{"type":"x"}',
    });
    expect(nativeLogOf(stored({ cost_usd: 0, ollama_format: 'json' }))).toMatchObject({
      cost_usd: 0,
      ollama_format: 'json',
    });
    expect(nativeLogOf(stored({ cost_usd: 3 })).cost_usd).toBe(3);
    expect(record).toMatchObject({
      timeUnixNano: TIME,
      observedTimeUnixNano: TIME,
      eventName: LOG_EVENT,
      body: 'null',
      scope: { name: NATIVE_SCOPE },
      resource: { attributes: '{}' },
    });
    expect(Buffer.from(record.traceId!).toString('hex')).toBe('5b8efff798038103d269b633813fc60c');
  });

  it("an OTLP record of the native event's name that says odd things has no row", () => {
    const record = recordSource(1).logRecord({
      attributes:
        '{"gen_ai.prompt.name":5,"gen_ai.usage.input_tokens":"7","promptmetrics.cost_usd":{"$double":"NaN"},' +
        '"gen_ai.usage.output_tokens":7.0,"promptmetrics.ollama.options":"[1]","promptmetrics.status":"odd"}',
      severityNumber: 18,
      timeUnixNano: 1n,
    });
    expect(nativeLogOf(record)).toMatchObject({
      prompt_name: null,
      tokens_in: null,
      tokens_out: 7,
      cost_usd: null,
      ollama_options: null,
      status: 'error',
      metadata: '{}',
    });
    expect(Number.isSafeInteger(nativeLogOf(record).id)).toBe(true);
  });
});

describe('filters of logs', () => {
  it('do not name the attributes that the fields stand in', () => {
    expect(logFilters({ prompt_name: 'p', http_status: 500, model: undefined })).toEqual([
      { key: 'gen_ai.prompt.name', value: 'p' },
      { key: 'http.response.status_code', value: '500' },
    ]);
  });

  it('metadata are looked for where they do not stand', () => {
    expect(logFilters({ metadata: { user: '5', 'error.type': 'x', '': '5' } })).toEqual([
      { key: 'user', value: '5' },
      { key: 'promptmetrics.metadata.error.type', value: '"x"' },
      { key: 'promptmetrics.metadata.', value: '5' },
    ]);
  });
});
