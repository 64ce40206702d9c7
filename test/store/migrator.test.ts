import { type Kysely, sql } from 'kysely';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DialectFacts, POSTGRES_FACTS, SQLITE_FACTS } from '../../src/store/dialect-facts.js';
import { type Migration, migrate } from '../../src/store/migrator.js';
import { type Databases, openPostgresDatabases, openSqliteDatabases } from '../helpers/databases.js';
import { sharedPostgres } from '../helpers/shared-postgres.js';

const server = sharedPostgres();
afterAll(() => server?.remove());

function statement(name: string, text: string): Migration {
  return { name, up: async (db) => void (await sql.raw(text).execute(db)) };
}
const FIRST = statement('0001-first', 'create table one (id integer)');
const SECOND = statement('0002-second', 'create table two (id integer)');

function migratorSuite(open: () => Promise<Databases>, facts: DialectFacts): void {
  let databases: Databases;
  let db: Kysely<unknown>;
  beforeEach(async () => {
    databases = await open();
    db = databases.connect();
  });
  afterEach(() => databases.remove());

  const apply = (migrations: Migration[], to = db) => migrate(to, facts, { name: 'test', migrations });
  const rowsOf = async (table: string) => (await sql.raw(`select * from ${table}`).execute(db)).rows.length;

  it('applies what is missing, in order, and nothing twice', async () => {
    expect(await apply([FIRST])).toEqual(['0001-first']);
    expect(await apply([FIRST, SECOND])).toEqual(['0002-second']);
    expect(await apply([FIRST, SECOND])).toEqual([]);
    expect([await rowsOf('one'), await rowsOf('two')]).toEqual([0, 0]);
  });

  it('a migration that fails leaves neither tables nor a ledger row, and what came before it stays', async () => {
    const failing: Migration = {
      name: '0002-second',
      async up(executor) {
        await sql`create table two (id integer)`.execute(executor);
        await sql`insert into nowhere values (1)`.execute(executor);
      },
    };
    await expect(apply([FIRST, failing])).rejects.toThrow('nowhere');
    expect(await apply([FIRST, SECOND])).toEqual(['0002-second']);
  });

  it('a database that a newer program has migrated is refused by name, and left alone', async () => {
    await apply([FIRST, SECOND]);
    await expect(apply([FIRST])).rejects.toMatchObject({
      code: 'SCHEMA_INCOMPATIBLE',
      message: expect.stringContaining('test/0002-second'),
    });
    expect(await apply([FIRST, SECOND])).toEqual([]);
  });

  it('a migration that was edited after it was applied is refused; one that was only indented anew is not', async () => {
    await apply([FIRST]);
    await expect(apply([statement('0001-first', 'create table one (id integer, more integer)')])).rejects.toMatchObject(
      {
        code: 'SCHEMA_INCOMPATIBLE',
      },
    );
    expect(await apply([statement('0001-first', 'create table one\n    (id integer)')])).toEqual([]);
  });

  it('two series in one database know nothing of each other', async () => {
    await apply([FIRST]);
    expect(await migrate(db, facts, { name: 'other', migrations: [SECOND] })).toEqual(['0002-second']);
    expect(await apply([FIRST])).toEqual([]);
  });

  it('programs that migrate at once apply each migration once between them', async () => {
    const migrations = Array.from({ length: 5 }, (_, at) =>
      statement(`000${at}-t`, `create table t${at} (id integer)`),
    );
    const applied = await Promise.all(
      [db, databases.connect(), databases.connect()].map((each) => apply(migrations, each)),
    );
    expect(applied.flat().sort()).toEqual(migrations.map(({ name }) => name));
  });
}

describe('migrator on SQLite', () => migratorSuite(openSqliteDatabases, SQLITE_FACTS));
describe.skipIf(!server)('migrator on Postgres', () =>
  migratorSuite(() => openPostgresDatabases(server!), POSTGRES_FACTS),
);
