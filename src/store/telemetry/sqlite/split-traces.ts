/**
 * Traces whose rows are in several of the recent blocks: what a span tells in one of them reaches the others. It is done before
 * the span is written, so that after a crash in between, the replay of its batch finds it done.
 */
import type { BlockWriter } from './block-writer.js';
import type { TraceName } from './recent-block.js';
import type { RecentBlocks } from './recent-blocks.js';
import type { TraceGroup } from './trace-groups.js';
import { type Gift, giveInBlock, type Owners, surer } from './trace-owners.js';

/** Whose the trace is by blocks other than `own`; undefined when they have nothing of it. */
export function toldElsewhere(recent: RecentBlocks, trace: TraceName, own: string | undefined): Owners | undefined {
  const found = recent.owners(trace, own);
  if (found.length === 0) return undefined;
  const surest = (field: keyof Owners) => found.map(({ owners }) => owners[field]).reduce(surer);
  return { session: surest('session'), user: surest('user') };
}

export interface SplitTraceOptions {
  directory: string;
  recent: RecentBlocks;
  /** The block that the groups will be written to. */
  own: BlockWriter;
  /** Runs a change of a block, unless nobody reads that block any more. */
  inBlock(file: string, change: () => void): void;
}

/** Gives the rows that other blocks have of these traces what the groups tell. Call it before they are written. */
export function giveElsewhere(
  groups: readonly TraceGroup[],
  { directory, recent, own, inBlock }: SplitTraceOptions,
): void {
  const gifts = new Gifts();
  for (const group of groups) {
    if (group.revision > 0 || !tellsOwner(group)) continue;
    const others = recent.owners(group, own.name.file);
    if (others.length === 0) continue;
    const told = own.foretell(group);
    for (const { file, owners } of others) gifts.add(file, giftOf(group, told, owners));
  }
  gifts.give({ directory, inBlock });
}

/** Gives the rows that any recent block has of these traces, which are written, what the surest of all blocks say. */
export function evenOut(groups: readonly TraceGroup[], { directory, recent, own, inBlock }: SplitTraceOptions): void {
  const gifts = new Gifts();
  for (const group of groups) {
    const told = own.foretell(group);
    for (const { file, owners } of recent.owners(group, undefined)) gifts.add(file, giftOf(group, told, owners));
  }
  gifts.give({ directory, inBlock });
}

class Gifts {
  private readonly byFile = new Map<string, Gift[]>();

  add(file: string, gift: Gift | undefined): void {
    if (gift) this.byFile.set(file, [...(this.byFile.get(file) ?? []), gift]);
  }

  give({ directory, inBlock }: Pick<SplitTraceOptions, 'directory' | 'inBlock'>): void {
    for (const [file, gifts] of this.byFile) inBlock(file, () => giveInBlock(directory, file, gifts));
  }
}

/** undefined when those rows say the same. */
function giftOf({ workspace, traceId }: TraceGroup, told: Owners, known: Owners): Gift | undefined {
  const { session, user } = told;
  const isKnown = ({ name }: Owners['session'], by: Owners['session']) => name === '' || name === by.name;
  if (isKnown(session, known.session) && isKnown(user, known.user)) return undefined;
  return { workspace, traceId, session: session.name, user: user.name };
}

function tellsOwner({ spans }: TraceGroup): boolean {
  return spans.some(({ generation }) => generation && (generation.sessionId !== '' || generation.userId !== ''));
}
