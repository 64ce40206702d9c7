import { nativeLogOf } from '../../model/native-view.js';
import type { StoredLogRecord } from '../../store/telemetry/telemetry.js';
import { unixMillis, unixSeconds } from '../json-text.js';

/** `metadata` and `ollama_options` are JSON text already, and go out as they are. */
export function renderNativeLog(record: StoredLogRecord, workspace: string): string {
  const { metadata, ollama_options, ...fields } = nativeLogOf(record);
  const members = JSON.stringify({
    ...fields,
    workspace_id: workspace,
    created_at: unixSeconds(record.receivedTimeUnixMs),
    time: unixMillis(record.timeUnixNano),
  });
  return `${members.slice(0, -1)},"metadata":${metadata},"ollama_options":${ollama_options}}`;
}
