import { type QueryExecutorProvider, sql } from 'kysely';

export const name = '0007-rollup-changes';

/**
 * What transactions add to rollups, until it is folded into them. Rows come and go by the thousand: they are vacuumed soon.
 */
export async function up(db: QueryExecutorProvider): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const VACUUMED_SOON = 'autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500';

const STATEMENTS = [
  `create table rollup_changes (
    first_time_unix_s bigint not null,
    last_time_unix_s bigint not null,
    count integer not null,
    dimensions smallint not null,
    workspace text collate "C" not null,
    changes text not null
  ) with (${VACUUMED_SOON}, toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 5000)`,
  // Compressing what is read once or twice costs more than it saves.
  'alter table rollup_changes alter column changes set storage external',
  'create index rollup_changes_set on rollup_changes (workspace, dimensions)',
];
