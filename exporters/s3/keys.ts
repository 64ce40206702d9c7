/**
 * Where objects stand: `<prefix>/traces/workspace=default/year=2026/month=11/day=22/hour=00/<gateway>-<first>-<last>-<hash>.parquet`,
 * by the hour (UTC) in which they were received, as partitions that query engines read from the path; year to hour are the
 * layout of the Collector's awss3exporter. First and last are places in the gateway's buffer. With the content's hash a
 * repeat is the same object, and what was cut otherwise, or chosen otherwise, is another one: nothing is ever replaced.
 */
import { hash } from 'node:crypto';
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
/** A key has 1,024 bytes at most, and the name of a workspace alone may have as many. */
const MAX_WORKSPACE_CHARS = 400;

export function keysOf(place: Place): Keys {
  const folder = place.prefix?.replace(/^\/+|\/+$/g, '') ?? '';
  const root = folder === '' ? '' : `${folder}/`;
  const path = `${place.signal}/${partitionsOf(place)}/${nameOf(place)}`;
  return { object: root + path, manifest: `${root}_manifest/${path}.json` };
}

function partitionsOf({ workspace, receivedTimeUnixMs }: Place): string {
  const [, year, month, day, hour] = /^(\d+)-(\d\d)-(\d\d)T(\d\d)/.exec(new Date(receivedTimeUnixMs).toISOString())!;
  return `workspace=${folderOf(workspace)}/year=${year}/month=${month}/day=${day}/hour=${hour}`;
}

/** A name that is cut ends with its hash, and with no half of a character. The table and the manifest have it whole. */
function folderOf(workspace: string): string {
  const name = encodeURIComponent(workspace);
  if (name.length <= MAX_WORKSPACE_CHARS) return name;
  const start = name.slice(0, MAX_WORKSPACE_CHARS).replace(/(%[0-9A-F]{0,2})+$/, '');
  return `${start}~${hash('sha256', workspace).slice(0, HASH_CHARS)}`;
}

function nameOf({ gatewayId, sequences, sha256, ...place }: Place): string {
  return `${gatewayId}-${rangeOf(sequences)}-${sha256.slice(0, HASH_CHARS)}${extensionOf(place)}`;
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
