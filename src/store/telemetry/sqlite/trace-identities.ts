/** Whose session and user a trace is, as far as its spans have told. */
import { spanIdKey } from './trace-groups.js';
import type { Owner } from './trace-owners.js';

export interface Told extends Owner {
  /** The id of the span that said it, as `spanIdKey` writes it; undefined when it was found in rows. */
  by: string | undefined;
}

export interface TraceIdentity {
  session: Told;
  user: Told;
}

interface Remembered {
  identity: TraceIdentity;
  epoch: number;
}

/** Traces at a time, over all blocks that a writer fills. */
const MAX_REMEMBERED = 65_536;

/**
 * The traces that came last, least recently used first. A trace that is forgotten is found again by its rows, in the writer's
 * block and in the other recent ones (split-traces.ts). Spans that came before the first call of their trace have no rows:
 * once they are forgotten here (a restart, many traces in between), and for other writers, the calls have only what they say
 * themselves.
 */
export class TraceIdentities {
  private readonly remembered = new Map<string, Remembered>();
  /** What was known before the open transaction of those that it changed. */
  private readonly before = new Map<string, Remembered | undefined>();
  private epoch = 0;

  get(workspace: string, traceId: Uint8Array): TraceIdentity | undefined {
    return this.remembered.get(nameOf(workspace, traceId))?.identity;
  }

  /** Somebody else has changed rows since it was remembered: they may say otherwise. */
  isOutdated(workspace: string, traceId: Uint8Array): boolean {
    return this.remembered.get(nameOf(workspace, traceId))?.epoch !== this.epoch;
  }

  /** Somebody else has changed rows. */
  outdate(): void {
    this.epoch++;
  }

  set(workspace: string, traceId: Uint8Array, identity: TraceIdentity): void {
    const name = nameOf(workspace, traceId);
    if (!this.before.has(name)) this.before.set(name, this.remembered.get(name));
    this.remembered.delete(name);
    this.remembered.set(name, { identity, epoch: this.epoch });
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
    for (const [name, remembered] of this.before) {
      if (remembered) this.remembered.set(name, remembered);
      else this.remembered.delete(name);
    }
    this.before.clear();
  }
}

/** What was told but by these spans. */
export function toldByOthers(told: Told, spans: readonly { spanId: Uint8Array }[]): Told | undefined {
  const { by } = told;
  return by === undefined || spans.some(({ spanId }) => spanIdKey(spanId) === by) ? undefined : told;
}

function nameOf(workspace: string, traceId: Uint8Array): string {
  return Buffer.from(traceId.buffer, traceId.byteOffset, traceId.byteLength).toString('latin1') + workspace;
}
