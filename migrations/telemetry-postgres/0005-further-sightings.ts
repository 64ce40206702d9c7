import { type QueryExecutorProvider, sql } from 'kysely';

export const name = '0005-further-sightings';

/**
 * When the counted sighting of a call is deleted, the others are found by the id of the response: few rows are others, and
 * none else is in the index.
 */
export async function up(db: QueryExecutorProvider): Promise<void> {
  await sql
    .raw(`create index generations_further_sightings on generations (workspace, response_id)
      where countable and not counted and response_id is not null`)
    .execute(db);
}
