/** Observability whose log lines a test can read. */
import { createObservability } from '../../src/observability/observability.js';

export type LogLine = Record<string, unknown> & { level: string; msg: string };

export function recordedObservability(level: 'trace' | 'info' | 'error' = 'trace') {
  const lines: LogLine[] = [];
  const stream = { write: (line: string) => void lines.push(JSON.parse(line)) };
  return { lines, ...createObservability({ config: { level, format: 'json' }, version: '1.2.3', stream }) };
}
