/** Against protobufjs: what is decoded, chosen from and changed as objects must be what comes of the bytes. */
import { createHash, createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { processParts } from '../../../exporters/processing/process.js';
import { ATTRIBUTE_CONTEXTS, type AttributesStep, type Match, type Step } from '../../../exporters/processing/steps.js';
import { SIGNALS, type Signal } from '../../../src/component.js';
import { range } from '../../buffer/fixture.js';
import { type Plain, type PlainValue, Random, randomRequest, toProtobufjs } from '../../otlp/random-request.js';
import { decodeReference, encodeReference, type Loose } from '../../otlp/reference.js';
import { message, text as textField } from '../../otlp/wire.js';

const GROUPS = { traces: 'resourceSpans', logs: 'resourceLogs', metrics: 'resourceMetrics' } as const;
const INNER = { traces: 'scopeSpans', logs: 'scopeLogs', metrics: 'scopeMetrics' } as const;
const ITEMS = { traces: 'spans', logs: 'logRecords', metrics: 'metrics' } as const;
const DATA = ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'];

/** With keys that are met again. */
function withCommonKeys(value: PlainValue, random: Random): PlainValue {
  if (Array.isArray(value)) return value.map((each) => withCommonKeys(each, random));
  if (typeof value !== 'object' || Buffer.isBuffer(value)) return value;
  const entries = Object.entries(value).map(([name, inner]) => {
    const isKey = name === 'key' && random.chance(0.7);
    return [name, isKey ? random.pick(['k', 'k2', 'service.name']) : withCommonKeys(inner, random)];
  });
  const made = Object.fromEntries(entries) as Plain;
  if (made.key === 'service.name' && random.chance(0.5)) made.value = random.pick(SCALARS);
  return made;
}

const SCALARS = [{ stringValue: 'GET' }, { intValue: 42n }, { boolValue: true }, { doubleValue: 1.5 }];

function randomPayload(signal: Signal, seed: number): Buffer {
  const random = new Random(seed);
  return encodeReference(
    signal,
    toProtobufjs(withCommonKeys(randomRequest(random, signal), random) as Plain) as object,
  );
}

interface Around {
  item: Loose;
  scope: Loose;
  resource: Loose;
  metricName: string;
}

/** Without the items that go, and the groups that they leave empty. How many items there were, and are. */
function withItems(signal: Signal, request: Loose, keeps: (around: Around) => boolean) {
  let before = 0;
  let after = 0;
  const held = <Group>(groups: Group[], list: (group: Group) => Loose[], prune: (group: Group) => void) =>
    groups.filter((group) => {
      const had = list(group).length;
      prune(group);
      return had === 0 || list(group).length > 0;
    });
  const counted = (around: Around) => {
    before += 1;
    const stays = keeps(around);
    if (stays) after += 1;
    return stays;
  };
  const points = (metric: Loose, around: Omit<Around, 'item' | 'metricName'>) => {
    for (const name of DATA) {
      if (!metric[name]) continue;
      const had = metric[name].dataPoints.length;
      metric[name].dataPoints = metric[name].dataPoints.filter((item: Loose) =>
        counted({ item, metricName: metric.name, ...around }),
      );
      if (had > 0 && metric[name].dataPoints.length === 0) return false;
    }
    return true;
  };
  request[GROUPS[signal]] = held(
    request[GROUPS[signal]] as Loose[],
    (group) => group[INNER[signal]],
    (group) => {
      group[INNER[signal]] = held(
        group[INNER[signal]] as Loose[],
        (inner) => inner[ITEMS[signal]],
        (inner) => {
          const around = { resource: group.resource, scope: inner.scope };
          inner[ITEMS[signal]] = inner[ITEMS[signal]].filter((item: Loose) =>
            signal === 'metrics' ? points(item, around) : counted({ item, metricName: '', ...around }),
          );
        },
      );
    },
  );
  return { before, after };
}

function scalar(value: Loose): string | undefined {
  switch (value?.value) {
    case 'stringValue':
    case 'boolValue':
    case 'doubleValue':
      return String(value[value.value]);
    case 'intValue':
      return String(value.intValue);
    default:
      return undefined;
  }
}

function run(signal: Signal, payload: Buffer, items: number, steps: Step[]) {
  const { parts, payloads, passages } = processParts({
    signal,
    steps,
    parts: [{ workspace: 'w', items, bytes: payload.length }],
    payloads: new Uint8Array(payload),
  });
  return { part: parts[0], payload: Buffer.from(payloads), passages };
}

/** An empty list and none are one. */
const normal = (message: Loose): Loose =>
  JSON.parse(JSON.stringify(message), (_, value) => (Array.isArray(value) && value.length === 0 ? undefined : value));
const plain = (signal: Signal, payload: Buffer) => normal(decodeReference(signal, payload));
const text = (value: Loose) => JSON.stringify(value);

function recount(signal: Signal, match: Match, keeps: (around: Around) => boolean) {
  let left = 0;
  let stay = 0;
  for (const seed of range(1, 120)) {
    const payload = randomPayload(signal, seed);
    const expected = decodeReference(signal, payload);
    const { before, after } = withItems(signal, expected, keeps);
    if (before === 0) continue;
    const made = run(signal, payload, before, [{ kind: 'filter', processor: 'filter', include: match }]);
    left += before - after;
    stay += after;
    expect(made.passages.filter).toEqual({ incoming: before, outgoing: after });
    expect(made.part?.items ?? 0).toBe(after);
    if (after > 0) expect(text(plain(signal, made.payload))).toBe(text(normal(expected)));
    if (after === before) expect(made.payload.equals(payload)).toBe(true);
  }
  expect(left).toBeGreaterThan(0);
  expect(stay).toBeGreaterThan(0);
}

const has = (list: Loose[] | undefined, key: string) => list?.some((attribute) => attribute.key === key) ?? false;
const lastOf = (list: Loose[] | undefined, key: string) =>
  scalar(list?.findLast((attribute) => attribute.key === key)?.value);

describe.each(SIGNALS)('of %s a filter', (signal) => {
  it('by an attribute of the item leaves another set of items', () => {
    const attributes = [{ key: 'k', values: undefined }];
    recount(signal, { isPattern: false, attributes }, ({ item }) => has(item.attributes, 'k'));
  });

  it('by values of an attribute of the resource leaves another set of items', () => {
    const values = ['', 'a', 'GET', 'né', 'true', 'false', '42', '0', '1', '-1', '1.5', '-1.5', '0.1'];
    const resourceAttributes = [{ key: 'service.name', values }];
    recount(signal, { isPattern: false, resourceAttributes }, ({ resource }) =>
      values.includes(lastOf(resource?.attributes, 'service.name') ?? '?'),
    );
  });

  it('by an attribute of the scope, or its name as a pattern, leaves another set of items', () => {
    const scopeAttributes = [{ key: 'service.name', values: undefined }];
    recount(signal, { isPattern: false, scopeAttributes }, ({ scope }) => has(scope?.attributes, 'service.name'));
    recount(signal, { isPattern: true, scopes: ['^[a-z]', '"'] }, ({ scope }) => /^[a-z]|"/.test(scope?.name ?? ''));
  });
});

describe('a filter', () => {
  it('by the status or the name of spans leaves another set of spans', () => {
    recount('traces', { isPattern: false, statuses: [2] }, ({ item }) => item.status?.code === 2);
    const names = ['', 'GET', 'a'];
    recount('traces', { isPattern: false, names }, ({ item }) => names.includes(item.name ?? ''));
  });

  it('by the name of metrics leaves another set of points', () => {
    recount('metrics', { isPattern: true, names: ['^$|a'] }, ({ metricName }) => /^$|a/.test(metricName ?? ''));
  });

  it.each([true, false])('by severity leaves another set of log records (those without one: %s)', (matchUndefined) => {
    recount('logs', { isPattern: false, severity: { min: 13, matchUndefined } }, ({ item }) => {
      return item.severityNumber ? item.severityNumber >= 13 : matchUndefined;
    });
  });

  it('by the body or the text of the severity leaves another set of log records', () => {
    recount('logs', { isPattern: true, bodies: ['^$|a|1'] }, ({ item }) => /^$|a|1/.test(scalar(item.body) ?? '-'));
    const severityTexts = ['', 'INFO', 'GET'];
    recount('logs', { isPattern: false, severityTexts }, ({ item }) => severityTexts.includes(item.severityText ?? ''));
  });
});

const SALT = 'pepper';
const hmac = (value: Buffer) => createHmac('sha256', SALT).update(value).digest('hex');

/** Deletes `k2`, hashes `k` when it is text, gives `service.name` the name `http.status_code`. */
function changed(list: Loose[]): Loose[] {
  const isRenamed = list.some(({ key }) => key === 'service.name');
  return list
    .filter(({ key }) => key !== 'k2' && !(isRenamed && key === 'http.status_code'))
    .map((attribute) => {
      if (attribute.key === 'service.name') return { ...attribute, key: 'http.status_code' };
      if (attribute.key !== 'k' || attribute.value?.stringValue === undefined) return attribute;
      return { ...attribute, value: { stringValue: hmac(Buffer.from(attribute.value.stringValue)) } };
    });
}

/** Every list of attributes that stands for itself, and not within a value. */
function changedAll(value: Loose, key = ''): Loose {
  if (key === 'attributes' || key === 'filteredAttributes') return changed(value);
  if (key === 'body' || key === 'metadata') return value;
  if (Array.isArray(value)) return value.map((each) => changedAll(each));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, changedAll(inner, name)]));
}

describe.each(SIGNALS)('of %s attributes', (signal) => {
  const actions = [
    { action: 'delete', key: 'k2' },
    { action: 'hash', key: 'k' },
    { action: 'rename', key: 'service.name', to: 'http.status_code' },
  ] as const;
  const step = { kind: 'attributes', processor: 'a', contexts: ATTRIBUTE_CONTEXTS, actions, salt: SALT } as const;

  it('that go, are renamed or hashed leave anything else as it was, or are missed anywhere', () => {
    let touched = 0;
    for (const seed of range(1, 120)) {
      const payload = randomPayload(signal, seed);
      const made = run(signal, payload, 1, [step]).payload;
      if (!made.equals(payload)) touched += 1;
      const expected = text(normal(changedAll(plain(signal, payload))));
      const isText = (hash: string) => expected.includes(hash);
      const result = text(plain(signal, made));
      const hashes = [...result.matchAll(/"key":"k","value":\{"stringValue":"([0-9a-f]{64})"\}/g)].map(
        ([, hash]) => hash!,
      );
      const texts = [...expected.matchAll(/"key":"k","value":\{"stringValue":"([0-9a-f]{64})"\}/g)].map(
        ([, hash]) => hash!,
      );
      expect(hashes.filter(isText).sort()).toEqual(texts.sort());
      expect(withoutValues(result)).toEqual(withoutValues(expected));
    }
    expect(touched).toBeGreaterThan(10);
  });

  /** The value of `k` may be a list or a map, which is hashed, too: left out, however deep. */
  const withoutValues = (json: string) =>
    JSON.parse(json, (_, value) => (value?.key === 'k' ? { key: 'k' } : value)) as unknown;
});

/** `k` where there is none; `service.name` is true; `copy` becomes what `k2` is. */
function settled(list: Loose[] = [], canAdd = true): Loose[] {
  const found = list.findLast(({ key }) => key === 'k2');
  // An attribute without a value, and one of an empty value, are one.
  const source = found && { value: found.value ?? {} };
  const made = list.map((attribute) => {
    if (attribute.key === 'service.name') return { ...attribute, value: { boolValue: true } };
    return attribute.key === 'copy' && source ? { ...attribute, value: source.value } : attribute;
  });
  if (!canAdd) return made;
  if (!has(made, 'k')) made.push({ key: 'k', value: { doubleValue: 1.5 } });
  if (source && !has(made, 'copy')) made.push({ key: 'copy', value: source.value });
  return made;
}

/** Of the resource, the scope and each item; within an item, of exemplars, which get none that they had not. */
function settledAll(signal: Signal, request: Loose): Loose {
  const settle = (owner: Loose) => ({ ...owner, attributes: settled(owner?.attributes) });
  const exemplar = (one: Loose) => ({ ...one, filteredAttributes: settled(one.filteredAttributes, false) });
  const point = (one: Loose) => settle({ ...one, exemplars: one.exemplars?.map(exemplar) });
  for (const group of request[GROUPS[signal]] ?? []) {
    if (Object.keys(group).length > 0) group.resource = settle(group.resource);
    for (const inner of group[INNER[signal]] ?? []) {
      if (Object.keys(inner).length > 0) inner.scope = settle(inner.scope);
      const points = (metric: Loose) => {
        for (const data of DATA)
          if (metric[data]?.dataPoints) metric[data].dataPoints = metric[data].dataPoints.map(point);
        return metric;
      };
      inner[ITEMS[signal]] = inner[ITEMS[signal]]?.map(signal === 'metrics' ? points : settle);
    }
  }
  return request;
}

describe.each(SIGNALS)('of %s attributes', (signal) => {
  const actions = [
    { action: 'insert', key: 'k', value: 1.5 },
    { action: 'update', key: 'service.name', value: true },
    { action: 'upsert', key: 'copy', fromAttribute: 'k2' },
  ] as const;
  const contexts = ['resource', 'scope', 'span', 'log', 'datapoint'] as const;
  const step = { kind: 'attributes', processor: 'a', contexts, actions } as const;

  it('that are set are missed anywhere, are set elsewhere, or cost something else', () => {
    for (const seed of range(1, 120)) {
      const payload = randomPayload(signal, seed);
      const made = run(signal, payload, 1, [step]).payload;
      const again = (request: Loose) => plain(signal, encodeReference(signal, request));
      expect(again(plain(signal, made))).toEqual(again(settledAll(signal, plain(signal, payload))));
    }
  });
});

it('attributes are set to another value or of another type than the file says, or in events and links', () => {
  const link = message(13, textField(3, ''));
  const span = message(2, textField(5, 'a'), message(11, textField(2, 'event')), link);
  const actions = [
    ...['text', -5, 2 ** 40, 0.25, false].map((value, index) => ({ action: 'upsert', key: `k${index}`, value })),
    { action: 'insert', key: 'k0', value: 'no' },
    { action: 'update', key: 'absent', value: 'no' },
    { action: 'upsert', key: 'absent', fromAttribute: 'absent' },
    { action: 'hash', key: 'k4' },
  ] as AttributesStep['actions'];
  const payload = message(1, message(2, span));
  const made = run('traces', payload, 1, [{ kind: 'attributes', processor: 'a', actions }]).payload;
  const spans = decodeReference('traces', made).resourceSpans[0].scopeSpans[0].spans;
  expect(spans[0].events[0].attributes ?? []).toEqual([]);
  expect(spans[0].links[0].attributes ?? []).toEqual([]);
  expect(spans[0].attributes.map(({ key, value }: Loose) => [key, scalar(value)])).toEqual([
    ['k0', 'text'],
    ['k1', '-5'],
    ['k2', String(2 ** 40)],
    ['k3', '0.25'],
    [
      'k4',
      createHash('sha256')
        .update(Buffer.from([0x10, 0]))
        .digest('hex'),
    ],
  ]);
});

it('attributes of more items than a call takes arguments change, too', () => {
  const record = (...fields: Buffer[]) => message(2, textField(3, 'INFO'), ...fields);
  const request = (one: Buffer) => message(1, message(2, ...Array<Buffer>(50_000).fill(one)));
  const actions = [{ action: 'delete', key: 'k' }] as const;
  const step = { kind: 'attributes', processor: 'a', contexts: ['log'], actions } as const;
  const { payload } = run('logs', request(record(message(6, textField(1, 'k')))), 50_000, [step]);
  expect(payload.equals(request(record()))).toBe(true);
});
