/**
 * Where objects stand: `<prefix>/traces/workspace=default/year=2026/month=11/day=22/hour=00/<gateway>-<first>-<last>-<hash>.parquet`,
 * by the hour (UTC) in which they were received, as partitions that query engines read from the path; year to hour are the
 * layout of the Collector's awss3exporter. First and last are places in the gateway's buffer. With the content's hash a
 * repeat is the same object, and what was cut otherwise, or chosen otherwise, is another one: nothing is ever replaced.
 */
import type { Signal } from '../../src/component.js';
import type { Compression, Format } from './config.js';

export interface Place {
  prefix: string | undefined;
  signal: Signal;
  workspace: string;
  receivedTimeUnixMs: number;
  gatewayId: string;
  /** Undefined for a dead letter that is sent again. */
  sequences: { first: number; last: number; piece: string } | undefined;
  format: Format;
  compression: Compression;
  /** In hex. */
  sha256: string;
}

export interface Keys {
  object: string;
  /** Not below the signal's folder: what reads all of that finds tables alone. */
  manifest: string;
}

/** So that names stand in the order of the sequences. */
const SEQUENCE_DIGITS = 12;
const HASH_CHARS = 12;

export function keysOf(place: Place): Keys {
  const folder = place.prefix?.replace(/^\/+|\/+$/g, '') ?? '';
  const root = folder === '' ? '' : `${folder}/`;
  const path = `${place.signal}/${partitionsOf(place)}/${nameOf(place)}`;
  return { object: root + path, manifest: `${root}_manifest/${path}.json` };
}

function partitionsOf({ workspace, receivedTimeUnixMs }: Place): string {
  const [, year, month, day, hour] = /^(\d+)-(\d\d)-(\d\d)T(\d\d)/.exec(new Date(receivedTimeUnixMs).toISOString())!;
  const name = encodeURIComponent(workspace);
  return `workspace=${name}/year=${year}/month=${month}/day=${day}/hour=${hour}`;
}

function nameOf({ gatewayId, sequences, sha256, ...place }: Place): string {
  const hash = sha256.slice(0, HASH_CHARS);
  return `${gatewayId}-${rangeOf(sequences)}-${hash}${extensionOf(place)}`;
}

function rangeOf(sequences: Place['sequences']): string {
  if (sequences === undefined) return 'resent';
  const { first, last, piece } = sequences;
  const range = [first, last].map((sequence) => String(sequence).padStart(SEQUENCE_DIGITS, '0')).join('-');
  return piece === '' ? range : `${range}.${piece}`;
}

function extensionOf({ format, compression }: Pick<Place, 'format' | 'compression'>): string {
  if (format === 'parquet') return '.parquet';
  return compression === 'gzip' ? '.pb.gz' : '.pb';
}
