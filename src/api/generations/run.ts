/** The generations of a run are those of its trace, which the run tells of, and native logs that name it. */
import { bytesOfHex, hexOfId } from '../../model/native-ids.js';
import type { Runs } from '../../store/control/runs.js';
import type { GenerationQuery } from '../../store/telemetry/generations.js';

/** Logs may name a run that is not there. */
export async function withinRun(
  runs: Pick<Runs, 'get'> | undefined,
  runId: Uint8Array | undefined,
  query: GenerationQuery,
): Promise<GenerationQuery> {
  if (!runId) return query;
  const id = hexOfId(runId);
  const trace = (await runs?.get(query.workspace, id))?.traceId;
  return { ...query, run: { id, traceId: trace && bytesOfHex(trace.hex) } };
}
