/** A cursor is text that anybody can write: one whose values are of other types reached Postgres, and was a 500. */
import { expect, it } from 'vitest';
import { type CursorKind, encodeCursor } from '../../src/api/paging.js';
import { onEachDatabase } from '../api/databases.js';

const sorted = (...place: unknown[]) => JSON.stringify(place);

const FORGED: [list: string, kind: CursorKind, sort: string, id: string][] = [
  ['runs', 'run', 'created_at', sorted('created_at', 'yesterday', 1)],
  ['runs', 'run', 'created_at', sorted('created_at', 1, 'x')],
  ['runs', 'run', 'workflow_name', sorted('workflow_name', 1, 1)],
  ['runs', 'run', 'workflow_name', sorted('workflow_name', 'a', '1')],
  ['runs', 'run', 'workflow_name', sorted('workflow_name', 'a', 1.5)],
  ['runs', 'run', 'workflow_name', sorted('workflow_name', '\0', 1)],
  ['api-keys', 'key', 'created_at', sorted('created_at', 'yesterday', 1)],
  ['api-keys', 'key', 'name', sorted('name', 7, 1)],
  ['api-keys', 'key', 'name', sorted('name', 'a', 'x')],
  ['api-keys', 'key', 'name', sorted('name', 'a\0', 1)],
  ['workspaces', 'workspace', 'id', sorted('id', 1, 1)],
  ['workspaces', 'workspace', 'id', sorted('id', 'a', '\0')],
  ['workspaces', 'workspace', 'created_at', sorted('created_at', 'x', 'a')],
  ['audit-logs', 'audit', '', '1.5'],
  ['audit-logs', 'audit', '', '1e300'],
  ['audit-logs', 'audit', '', 'x'],
  ['audit-logs', 'audit', '', '9'.repeat(30)],
];

onEachDatabase((open) => {
  it('a forged cursor is refused as any other that no answer gave', async () => {
    const { as, access } = await open();
    const call = as(access.firstKey);
    for (const [list, kind, sort, id] of FORGED) {
      const query = new URLSearchParams({
        cursor: encodeCursor(kind, { timeUnixNano: 0n, id }),
        ...(sort && { sort }),
      });
      const answer = await call('GET', `/v1/${list}?${query}`);
      expect([list, id, answer.statusCode, answer.json().code]).toEqual([list, id, 422, 'VALIDATION_FAILED']);
    }
  });
});
