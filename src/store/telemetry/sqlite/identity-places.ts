/** Where sessions and users stand in their lists: by the time of their latest generation in any block. */
import type { SessionQuery } from '../generations.js';
import type { BlockReader } from './block-reader.js';
import type { Catalog } from './catalog.js';
import { isWithin } from './conditions.js';
import { SESSION, USER } from './generation-rows.js';
import type { Order } from './walk.js';

export interface IdentityPlace {
  time: bigint;
  name: string;
}

export const NEWEST_FIRST: Order<IdentityPlace> = {
  ascending: false,
  timeOf: ({ time }) => time,
  compare: (a, b) => (a.time === b.time ? compareNames(a.name, b.name) : a.time > b.time ? -1 : 1),
};

/** As SQLite has them: by the bytes of UTF-8. */
export function compareNames(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** Who has more is met often enough by who goes down the list of all sessions. */
const MAX_SESSIONS = 10_000;

/**
 * Of one user, newest first, found by the index of memberships: in the list of all sessions those of a user with few of them
 * stand between thousands of others. undefined when they are too many to be put in order for each page.
 */
export function sessionsOfUser(
  catalog: Catalog,
  query: Pick<SessionQuery, 'workspace' | 'fromUnixNano' | 'toUnixNano'> & { userId: string },
): IdentityPlace[] | undefined {
  const names = namesOfSessions(catalog, query.workspace, query.userId);
  if (!names) return undefined;
  return latestOf(catalog, query.workspace, names)
    .filter(({ time }) => isWithin(time, query))
    .sort(NEWEST_FIRST.compare);
}

function namesOfSessions(catalog: Catalog, workspace: string, userId: string): Set<string> | undefined {
  const names = new Set<string>();
  for (const { file, generations } of catalog.blocks()) {
    if (!generations) continue;
    for (const name of catalog.read(file, (reader) => namesIn(reader, workspace, userId)) ?? []) names.add(name);
    if (names.size > MAX_SESSIONS) return undefined;
  }
  return names;
}

/** From session to session: a user has as many rows of one as it has traces. */
const OWN_SESSIONS = `WITH RECURSIVE own (id) AS (
    SELECT * FROM (SELECT session_id FROM memberships
      WHERE user_id = @user AND user_id > 0 AND session_id > 0 ORDER BY session_id LIMIT 1)
    UNION ALL
    SELECT (SELECT m.session_id FROM memberships m
      WHERE m.user_id = @user AND m.user_id > 0 AND m.session_id > own.id ORDER BY m.session_id LIMIT 1)
    FROM own WHERE own.id IS NOT NULL
    LIMIT ${MAX_SESSIONS + 2}
  ) SELECT i.name FROM own CROSS JOIN identities i ON i.id = own.id WHERE within_budget()`;

function namesIn(reader: BlockReader, workspace: string, userId: string): string[] {
  const id = reader.workspaceId(workspace);
  const user = id === undefined ? undefined : reader.identityId(id, USER, userId);
  if (user === undefined) return [];
  return reader.all<{ name: string }>(OWN_SESSIONS, { user }).map(({ name }) => name);
}

const LAST_TIMES = `SELECT x.name, x.last_time AS time FROM json_each(@names) n
  CROSS JOIN identities x ON x.name = n.value AND x.type = ${SESSION} AND x.workspace_id = @workspace
  WHERE x.last_time IS NOT NULL AND within_budget()`;

function latestOf(catalog: Catalog, workspace: string, names: ReadonlySet<string>): IdentityPlace[] {
  const latest = new Map<string, bigint>();
  const parameters = { names: JSON.stringify([...names]) };
  for (const { file, generations } of catalog.blocks()) {
    if (!generations || names.size === 0) continue;
    const places = catalog.read(file, (reader) => {
      const id = reader.workspaceId(workspace);
      return id === undefined ? [] : reader.all<IdentityPlace>(LAST_TIMES, { ...parameters, workspace: id });
    });
    for (const { name, time } of places ?? []) {
      const known = latest.get(name);
      if (known === undefined || time > known) latest.set(name, time);
    }
  }
  return Array.from(latest, ([name, time]) => ({ name, time }));
}
