/** Whose session and user a trace is, as far as its spans have told. */

export interface TraceIdentity {
  /** '' while nobody has said. */
  session: string;
  user: string;
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

  get(workspace: string, traceId: Uint8Array): TraceIdentity | undefined {
    return this.remembered.get(nameOf(workspace, traceId));
  }

  set(workspace: string, traceId: Uint8Array, identity: TraceIdentity): void {
    const name = nameOf(workspace, traceId);
    this.remembered.delete(name);
    this.remembered.set(name, identity);
    if (this.remembered.size <= MAX_REMEMBERED) return;
    const [oldest] = this.remembered.keys();
    this.remembered.delete(oldest!);
  }

  clear(): void {
    this.remembered.clear();
  }
}

function nameOf(workspace: string, traceId: Uint8Array): string {
  return Buffer.from(traceId.buffer, traceId.byteOffset, traceId.byteLength).toString('latin1') + workspace;
}
