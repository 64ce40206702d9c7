/**
 * Requests as tables for query engines: one row for each span, log record or data point. Column types are those that every
 * engine reads; what OTLP nests (attributes, events, …) is JSON text as src/model/json-value.ts says, without loss.
 */
import { hash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { SchemaElement } from 'hyparquet';
import { ByteWriter, type ColumnSource, ParquetWriter } from 'hyparquet-writer';
import type { LogRecord, MetricPoint, Span } from '../../src/model/telemetry.js';
import { decodeRequest } from '../../src/otlp/decode.js';
import { generationOf } from '../../src/semconv/generation.js';
import { type Column, type ColumnType, LOG_COLUMNS, POINT_COLUMNS, type Row, SPAN_COLUMNS } from './columns.js';
import type { Compression } from './config.js';
import type { ContentPart, ObjectContent } from './content.js';

export interface Table {
  body: Uint8Array;
  rows: number;
}

/** Raised when a column changes its meaning, or goes. New ones may come without. */
const SCHEMA_VERSION = 1;

const CODECS = { snappy: 'SNAPPY', gzip: 'GZIP', none: 'UNCOMPRESSED' } as const satisfies Record<Compression, string>;

/** Throws for what can't be decoded. */
export function parquetOf(content: ObjectContent): Table {
  switch (content.signal) {
    case 'traces':
      return tableOf(content, SPAN_COLUMNS, groupsOf(content, spansOf));
    case 'logs':
      return tableOf(content, LOG_COLUMNS, groupsOf(content, recordsOf));
    case 'metrics':
      return tableOf(content, POINT_COLUMNS, groupsOf(content, pointsOf));
  }
}

// ---- rows ----

type Decode<Item> = (payload: Buffer) => Item[];

const spansOf: Decode<Span> = (payload) => {
  const { spans } = decodeRequest({ signal: 'traces', encoding: 'protobuf', payload });
  for (const span of spans) span.generation = generationIn(span);
  return spans;
};

const recordsOf: Decode<LogRecord> = (payload) =>
  decodeRequest({ signal: 'logs', encoding: 'protobuf', payload }).logRecords;

const pointsOf: Decode<MetricPoint> = (payload) =>
  decodeRequest({ signal: 'metrics', encoding: 'protobuf', payload }).metricPoints;

/** A span that can't be understood is a row all the same: nothing of it is lost but its view. */
function generationIn(span: Span): Span['generation'] {
  try {
    return generationOf(span);
  } catch {
    return undefined;
  }
}

/** Rows that are decoded at once, and written as one group: what a worker holds in memory is bounded by it. */
const GROUP_ROWS = 16_384;

const HASH_CHARS = 10;

/**
 * Part by part: an item is known by its place in a part, however parts are joined, and a part by its place in the buffer and
 * by its content, of which more or less may be chosen the next time.
 */
function* groupsOf<Item>(object: ObjectContent, decode: Decode<Item>): Generator<Row<Item>[]> {
  const { workspace, gatewayId, parts, payload } = object;
  let rows: Row<Item>[] = [];
  let from = 0;
  for (const part of parts) {
    const content = Buffer.from(payload.buffer, payload.byteOffset + from, part.bytes);
    const items = decode(content);
    from += part.bytes;
    const place = `${gatewayId}-${placeOf(part)}-${hash('sha256', content).slice(0, HASH_CHARS)}`;
    const { receivedTimeUnixMs } = part;
    for (const [index, item] of items.entries()) {
      rows.push({ item, id: `${place}-${index}`, workspace, receivedTimeUnixMs });
    }
    if (rows.length < GROUP_ROWS) continue;
    yield rows;
    rows = [];
  }
  if (rows.length > 0) yield rows;
}

function placeOf({ sequence, piece }: ContentPart): string {
  if (sequence === undefined) return 'resent';
  return piece === '' ? `${sequence}` : `${sequence}.${piece}`;
}

// ---- the file ----

type Element = Omit<SchemaElement, 'name' | 'repetition_type'>;

const ELEMENTS: Record<ColumnType, Element> = {
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  boolean: { type: 'BOOLEAN' },
  int32: { type: 'INT32' },
  uint32: { type: 'INT32', converted_type: 'UINT_32' },
  int64: { type: 'INT64' },
  uint64: { type: 'INT64', converted_type: 'UINT_64' },
  double: { type: 'DOUBLE' },
  microseconds: {
    type: 'INT64',
    converted_type: 'TIMESTAMP_MICROS',
    logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' },
  },
  picodollars: { type: 'INT64', converted_type: 'DECIMAL', precision: 18, scale: 12 },
};

function elementOf<Item>({ name, type, nullable }: Column<Item>): SchemaElement {
  return { name, ...ELEMENTS[type], repetition_type: nullable ? 'OPTIONAL' : 'REQUIRED' };
}

/** Read when the writer comes to it, so that one column at a time is in memory beside the rows. */
function sourceOf<Item>({ name, type, read }: Column<Item>, rows: readonly Row<Item>[]): ColumnSource {
  return {
    name,
    get data() {
      return rows.map(read);
    },
    // The writer's dictionaries take -0 and 0 for one.
    ...(type === 'double' && { encoding: 'PLAIN' as const }),
  };
}

function tableOf<Item>(
  { compression, signal, gatewayId }: ObjectContent,
  columns: readonly Column<Item>[],
  groups: Iterable<Row<Item>[]>,
): Table {
  const writer = new ByteWriter();
  const parquet = new ParquetWriter({
    writer,
    schema: [{ name: signal, num_children: columns.length }, ...columns.map(elementOf)],
    codec: CODECS[compression],
    compressors: { GZIP: (input) => gzipSync(input) },
    createdBy: 'promptmetrics-server',
    kvMetadata: [
      { key: 'schema', value: `${signal}/${SCHEMA_VERSION}` },
      { key: 'gateway_id', value: gatewayId },
    ],
  });
  let count = 0;
  for (const rows of groups) {
    const columnData = columns.map((column) => sourceOf(column, rows));
    void parquet.write({ columnData, rowGroupSize: rows.length });
    count += rows.length;
  }
  void parquet.finish();
  return { body: new Uint8Array(writer.getBuffer()), rows: count };
}
