/** The generations of a run are those of its trace, which the run tells of: no generation names its run. */
import { hexOfId } from '../../model/native-ids.js';
import type { Runs } from '../../store/control/runs.js';
import type { Page } from '../../store/page.js';
import type { GenerationQuery } from '../../store/telemetry/generations.js';

export const NO_GENERATIONS: Page<never> = { items: [], total: 0, totalRelation: 'eq' };

/** Asks for the trace of the run as well; undefined when nothing can match: no such run, one without a trace, or another's. */
export async function withinRun(
  runs: Pick<Runs, 'get'> | undefined,
  runId: Uint8Array | undefined,
  query: GenerationQuery,
): Promise<GenerationQuery | undefined> {
  if (!runId) return query;
  const run = await runs?.get(query.workspace, hexOfId(runId));
  if (!run?.traceId) return undefined;
  if (query.traceId && hexOfId(query.traceId) !== run.traceId.hex) return undefined;
  return { ...query, traceId: Buffer.from(run.traceId.hex, 'hex') };
}
