/** Entries that the audit log refuses for what they are: those of one frame become one dead letter. */
import type { AuditEntry } from '../src/model/audit-entry.js';
import { encodeTrailer } from '../src/model/trailer.js';
import type { DeadLetterInput } from './dead-letters.js';

export interface RefusedEntry {
  entry: AuditEntry;
  reason: string;
}

const NO_PAYLOAD = Buffer.alloc(0);

function byFrame(refused: readonly RefusedEntry[]): Map<string, RefusedEntry[]> {
  const frames = new Map<string, RefusedEntry[]>();
  for (const one of refused) {
    // Every entry of the trail has a source: see `auditOf` of the store writer.
    const frame = one.entry.source!.slice(0, one.entry.source!.lastIndexOf(':'));
    const others = frames.get(frame);
    if (others) others.push(one);
    else frames.set(frame, [one]);
  }
  return frames;
}

/** The rows of the frame are stored: the letter has no payload, and its replay brings the entries alone. */
function letterOf(frame: string, refused: readonly RefusedEntry[]): DeadLetterInput {
  const [bufferId = '', sequence] = frame.split(':');
  const { entry, reason } = refused[0]!;
  const { workspace, timeUnixMs: receivedTimeUnixMs } = entry;
  return {
    bufferId,
    sequence: Number(sequence),
    reason: `refused by the audit log: ${reason}`,
    frame: { signal: 'traces', encoding: 'protobuf', workspace, items: 0, receivedTimeUnixMs },
    payload: NO_PAYLOAD,
    trailer: encodeTrailer({ audit: refused.map(({ entry: { source, ...rest } }) => rest) }),
  };
}

export function lettersOf(refused: readonly RefusedEntry[]): DeadLetterInput[] {
  return [...byFrame(refused)].map(([frame, some]) => letterOf(frame, some));
}
