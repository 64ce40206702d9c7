import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPostgresTelemetry } from '../src/store/telemetry/postgres/store.js';
import type { WriterOptions } from '../src/store/telemetry/telemetry.js';
import { openTelemetryWriter } from '../src/store/telemetry/writer.js';
import { DOCUMENTS, documentText, fencedBlocks } from './helpers/documents.js';
import { decodedFrame, recordSource } from './helpers/records.js';
import { sharedPostgres } from './helpers/shared-postgres.js';

const root = new URL('../', import.meta.url);
const scripts = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')).scripts as Record<string, string>;

/** The last argument of a sqlite3 command, as the shell hands it over. */
const sqliteQueries = fencedBlocks('sh')
  .filter((block) => block.startsWith('sqlite3'))
  .map((block) => /\)" "(.*)"\s*$/s.exec(block)![1]!.replaceAll('\\"', '"'));
const postgresQueries = fencedBlocks('sql');

/** A call of a model with tokens, and one that failed. */
const frame = () => {
  const records = recordSource(1);
  const attributes = '{"gen_ai.request.model":"gpt-4o-mini","gen_ai.usage.input_tokens":42}';
  return decodedFrame(1, { spans: [records.span({ attributes }), records.span({ attributes, statusCode: 2 })] });
};

async function write(options: WriterOptions): Promise<void> {
  const writer = await openTelemetryWriter(options);
  await writer.write({
    bufferId: '00000000-0000-4000-8000-000000000000',
    range: { first: 1, last: 1 },
    frames: [frame()],
  });
  await writer.close();
}

describe('the queries of the documents find rows', () => {
  let directory: string;
  beforeAll(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'documents-'));
    await write({ engine: 'sqlite', directory, writer: 0, blockMaxSpans: 1000, blockMaxBytes: 2 ** 30 });
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('holds three for each engine', () => {
    expect(sqliteQueries).toHaveLength(3);
    expect(postgresQueries).toHaveLength(3);
  });

  it.each(sqliteQueries)('on SQLite: %s', (query) => {
    const block = readdirSync(directory).filter((name) => name.endsWith('.db'))[0]!;
    const db = new Database(path.join(directory, block), { readonly: true });
    const rows = db.prepare(query).all();
    db.close();
    expect(rows.length).toBeGreaterThan(0);
  });
});

const postgres = sharedPostgres();
afterAll(() => postgres?.remove());

describe.skipIf(!postgres)('the queries of the documents find rows on Postgres', () => {
  let client: pg.Client;
  beforeAll(async () => {
    const connectionString = await postgres!.createDatabase();
    const store = createPostgresTelemetry({ connectionString, poolSize: 1, queryTimeoutMs: 10_000 });
    await store.start();
    await write(store.writerOptions(0));
    await store.shutdown({ deadlineMs: 1000 });
    client = new pg.Client({ connectionString });
    await client.connect();
  });
  afterAll(() => client.end());

  it.each(postgresQueries)('%s', async (query) => {
    expect((await client.query(query)).rows.length).toBeGreaterThan(0);
  });
});

it('the README opens with the two commands', () => {
  expect(fencedBlocks('sh', ['README.md'])[0]).toMatch(/^npm ci && npm start .*\nnpm ci && npm test /);
});

it('every guide is one of those that are tested', () => {
  const guides = readdirSync(new URL('docs/', root)).map((name) => `docs/${name}`);
  expect(DOCUMENTS.filter((file) => file.startsWith('docs/')).toSorted()).toEqual(guides.sort());
});

/** As GitHub names them. */
function anchorsOf(file: string): string[] {
  const headings = [...documentText(file).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading!);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

describe.each([...DOCUMENTS, 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'deploy/README.md'])('%s', (file) => {
  const text = documentText(file);

  it('names only scripts that there are', () => {
    for (const [, script] of text.matchAll(/npm run ([a-z-]+)/g)) expect(Object.keys(scripts)).toContain(script);
  });

  it('names only settings that .env.example has', () => {
    const example = documentText('.env.example');
    for (const [, name] of text.matchAll(/^\| (?:`([A-Z_]+)`)/gm)) expect(example).toContain(`# ${name}=`);
  });

  it('has no link that leads nowhere', () => {
    for (const [, link] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(link!)) continue;
      const [target, anchor] = link!.split('#') as [string, string?];
      const place = target === '' ? file : path.posix.join(path.posix.dirname(file), target);
      expect([link, existsSync(new URL(place, root))]).toEqual([link, true]);
      if (anchor !== undefined) expect(anchorsOf(place)).toContain(anchor);
    }
  });
});
