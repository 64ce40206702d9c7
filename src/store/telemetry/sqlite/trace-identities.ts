/** Whose session and user a trace is, as far as its spans have told. */
import { spanIdKey } from './trace-groups.js';

export interface Told {
  /** '' while nobody has said. */
  name: string;
  /** The id of the span that said it, as `spanIdKey` writes it; undefined when it was found in rows. */
  by: string | undefined;
}

export interface TraceIdentity {
  session: Told;
  user: Told;
}

/** Traces at a time, over all blocks that a writer fills. */
const MAX_REMEMBERED = 65_536;

/**
 * The traces that came last, least recently used first. A trace that is forgotten is found again by its rows in the writer's
 * block; what an earlier block or another writer's knows of it is not looked for, so a trace that is spread over several
 * of them keeps for the rows of each what was known there. Spans that came before the first call of their trace have no
 * rows: once they are forgotten here (a restart, many traces in between), the calls have only what they say themselves.
 */
export class TraceIdentities {
  private readonly remembered = new Map<string, TraceIdentity>();
  /** What was known before the open transaction of those that it changed. */
  private readonly before = new Map<string, TraceIdentity | undefined>();

  get(workspace: string, traceId: Uint8Array): TraceIdentity | undefined {
    return this.remembered.get(nameOf(workspace, traceId));
  }

  set(workspace: string, traceId: Uint8Array, identity: TraceIdentity): void {
    const name = nameOf(workspace, traceId);
    if (!this.before.has(name)) this.before.set(name, this.remembered.get(name));
    this.remembered.delete(name);
    this.remembered.set(name, identity);
    if (this.remembered.size <= MAX_REMEMBERED) return;
    const [oldest] = this.remembered.keys();
    this.remembered.delete(oldest!);
  }

  /** The trace is deleted. */
  forget(workspace: string, traceId: Uint8Array): void {
    this.remembered.delete(nameOf(workspace, traceId));
  }

  committed(): void {
    this.before.clear();
  }

  rollback(): void {
    for (const [name, identity] of this.before) {
      if (identity) this.remembered.set(name, identity);
      else this.remembered.delete(name);
    }
    this.before.clear();
  }
}

/** What was told but by these spans. */
export function toldByOthers({ name, by }: Told, spans: readonly { spanId: Uint8Array }[]): Told | undefined {
  if (by === undefined || spans.some(({ spanId }) => spanIdKey(spanId) === by)) return undefined;
  return { name, by };
}

function nameOf(workspace: string, traceId: Uint8Array): string {
  return Buffer.from(traceId.buffer, traceId.byteOffset, traceId.byteLength).toString('latin1') + workspace;
}
