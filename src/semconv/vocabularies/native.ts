/** Native logs: their fields stand as OpenTelemetry's attributes where it has them (src/model/native-names.ts). */
import { traceIdHex } from '../../model/native-ids.js';
import { LOG_ATTRIBUTES } from '../../model/native-names.js';
import { type Apply, duration, list, money, text, type Vocabulary } from '../rule.js';

/** Of another word the severity tells. */
function status(): Apply {
  return (draft, value) => {
    if (value === 'ok' || value === 'error') draft.isError = value === 'error';
  };
}

/** What is no id of a run is none that a run could have. */
function run(): Apply {
  return (draft, value) => {
    draft.runId ??= typeof value === 'string' ? traceIdHex(value) : undefined;
  };
}

export const NATIVE: Vocabulary = [
  [LOG_ATTRIBUTES.run_id, run()],
  [LOG_ATTRIBUTES.latency_ms, duration('durationNano', 'ms')],
  [LOG_ATTRIBUTES.status, status()],
  [LOG_ATTRIBUTES.cost_usd, money('reportedCost')],
  // What clients call these in their metadata, which has no names of its own for them.
  ['session_id', text('sessionId')],
  ['sessionId', text('sessionId')],
  ['conversation_id', text('sessionId')],
  ['user_id', text('userId')],
  ['userId', text('userId')],
  ['environment', text('environment')],
  ['release', text('release')],
  ['tags', list('tags')],
];
