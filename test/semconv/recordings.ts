/** The recorded payloads, each case with what a right reading of it gives: test/semconv/payloads/README.md. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LogRecord, Span } from '../../src/model/telemetry.js';
import { decodeRequest } from '../../src/otlp/decode.js';

const ROOT = fileURLToPath(new URL('payloads', import.meta.url));

export interface ExpectedMessage {
  role: string;
  parts?: Record<string, unknown>[];
}

export interface ExpectedGeneration extends Record<string, unknown> {
  span: string;
  spanId: string;
  model?: string;
  usage?: Record<string, number>;
  countable?: boolean;
  counted?: boolean;
  inherited?: { sessionId?: string; userId?: string };
  responseId?: string;
  input?: ExpectedMessage[];
  output?: ExpectedMessage[];
}

export interface Expected {
  generations: ExpectedGeneration[];
  withoutGeneration?: unknown[];
}

export interface RecordedRequest {
  spans: Span[];
  logRecords: LogRecord[];
}

export interface Recording {
  /** In the order of their arrival. */
  requests: RecordedRequest[];
  expected: Expected;
}

function foldersIn(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return entries.map(({ name }) => name).sort();
}

export function recordings(): { name: string; folder: string }[] {
  const cases = foldersIn(ROOT).flatMap((made) => foldersIn(path.join(ROOT, made)).map((name) => `${made}/${name}`));
  const folders = cases.map((name) => ({ name, folder: path.join(ROOT, name) }));
  return folders.filter(({ folder }) => existsSync(path.join(folder, 'expected.json')));
}

export function readRecording(folder: string): Recording {
  const files = readdirSync(folder).filter((file) => /^\d+-(traces|logs)\.json$/.test(file));
  files.sort((one, other) => Number.parseInt(one, 10) - Number.parseInt(other, 10));
  const requests = files.map((file) =>
    decodeRequest({
      signal: file.includes('traces') ? 'traces' : 'logs',
      encoding: 'json',
      payload: readFileSync(path.join(folder, file)),
    }),
  );
  const expected = JSON.parse(readFileSync(path.join(folder, 'expected.json'), 'utf8')) as Expected;
  return { requests, expected };
}

export const hex = (id: Uint8Array | undefined) => Buffer.from(id ?? []).toString('hex');

export function withoutZeros(usage: { [type: string]: number | undefined }): { [type: string]: number | undefined } {
  return Object.fromEntries(Object.entries(usage).filter(([, tokens]) => tokens !== 0 && tokens !== undefined));
}
