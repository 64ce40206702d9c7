/** Runs as answers write them, in lists of their own and elsewhere. */
import type { Run } from '../store/control/runs.js';
import { unixSeconds } from './json-text.js';

/** JSON text: what was sent is given back to the last digit. */
export function renderRun(run: Run): string {
  return (
    `{"run_id":${JSON.stringify(run.runId.text)},"workflow_name":${JSON.stringify(run.workflowName)},` +
    `"status":"${run.status}","input":${run.input ?? 'null'},"output":${run.output ?? 'null'},` +
    `"trace_id":${JSON.stringify(run.traceId?.text ?? null)},"metadata":${run.metadata},` +
    `"created_at":${unixSeconds(run.createdTimeUnixMs)},"updated_at":${unixSeconds(run.updatedTimeUnixMs)}}`
  );
}

export function renderCreated({ runId, workflowName, status }: Run): string {
  return JSON.stringify({ run_id: runId.text, workflow_name: workflowName, status });
}

export function renderUpdated({ runId }: Run): string {
  return JSON.stringify({ run_id: runId.text, status: 'updated' });
}
