/** What a writer remembers of a block that gets no more rows: so little that it is asked without being opened. */
import type { SequenceRange } from '../../../component.js';
import type { BlockName } from './block-files.js';
import type { KeyQuery, RecentBlock } from './recent-block.js';
import { TraceFilter } from './trace-filter.js';

/** A block takes rows for a day, and one batch more: it may have been begun so long before any row of it. */
const BLOCK_MAX_SPAN_MS = 25 * 60 * 60 * 1000;
const MIN_FILTER_BITS = 2 ** 10;
/** Of all blocks together: past it a block with keys is looked into for every key. */
export const MAX_FILTER_BYTES = 32 * 2 ** 20;

export interface OlderBlock {
  ranges: SequenceRange[];
  hasUnwritten: boolean;
  keys: 'none' | 'unknown' | TraceFilter;
}

export function learn(block: RecentBlock, bufferId: string, filterBytesLeft: number): OlderBlock {
  return {
    ranges: block.appliedRanges(bufferId),
    hasUnwritten: block.unwritten(bufferId).length > 0,
    keys: filterOf(block.keys(), filterBytesLeft),
  };
}

export function mayHoldKey({ createdTimeUnixMs }: BlockName, { keys }: OlderBlock, query: KeyQuery): boolean {
  if (keys === 'none' || createdTimeUnixMs < query.receivedFrom - BLOCK_MAX_SPAN_MS) return false;
  return keys === 'unknown' || keys.mayHold(hashKey(query.workspace, query.key));
}

function filterOf(keys: readonly [workspace: string, key: string][], bytesLeft: number): OlderBlock['keys'] {
  if (keys.length === 0) return 'none';
  const bits = Math.max(2 ** Math.ceil(Math.log2(keys.length * 16)), MIN_FILTER_BITS);
  if (bits / 8 > bytesLeft) return 'unknown';
  const filter = new TraceFilter(bits);
  for (const [workspace, key] of keys) filter.add(hashKey(workspace, key));
  return filter;
}

function hashKey(workspace: string, key: string): number {
  let hash = 0x811c9dc5;
  for (const text of [workspace, '\n', key]) {
    for (let at = 0; at < text.length; at++) {
      hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
      hash ^= hash >>> 15;
    }
  }
  return hash >>> 0;
}
