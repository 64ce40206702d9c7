/**
 * Brings what the frames of the buffer tell the audit log into the control store: entries of several batches together,
 * one transaction at a time, again and again while that store is down. Nobody waits for them but the buffer, whose frames
 * are released when theirs are written; an entry that a crash lets come twice is known by its source.
 */
import type { Component } from '../src/component.js';
import type { AuditEntry } from '../src/model/audit-entry.js';
import type { ControlStore } from '../src/store/control/store.js';
import { Pause } from './pause.js';
import { retryDelayMs } from './retry.js';

export interface AuditTrailEvents {
  /** One transaction is committed. */
  audited(batch: { entries: number; durationMs: number }): void;
  /** The control store began to refuse entries; `auditTrailRecovered` follows when it takes them again. */
  auditTrailStuck(reason: string): void;
  auditTrailRecovered(): void;
}

export interface AuditBatch {
  entries: readonly AuditEntry[];
  /** Traces that are gone: runs that name one let go of it in the same transaction. */
  deleted: readonly DeletedTrace[];
}

export interface DeletedTrace {
  workspace: string;
  traceId: Uint8Array;
}

export interface AuditTrailOptions {
  control: Pick<ControlStore, 'transaction'>;
  events: AuditTrailEvents;
  /** How long entries wait for more of them, so that a transaction is worth its price. */
  gatherMs?: number;
}

export interface AuditTrail extends Component {
  /** Resolves when the batch is committed: after an outage too, but never once the trail has been shut down. */
  append(batch: AuditBatch): Promise<void>;
  /** Resolves when there is room for further batches. */
  room(): Promise<void>;
}

const GATHER_MS = 50;
/** Under load, when a transaction would be full of them: its statements and its sync cost as much as many rows do. */
const BUSY_GATHER_MS = 200;
const BUSY_ENTRIES = 100;
const MAX_ENTRIES_PER_TRANSACTION = 1000;
/** From there on nothing more is asked for: some 50 MB at most, of the largest entries that are common. */
const MAX_WAITING_ENTRIES = 20_000;

interface Waiting extends AuditBatch {
  done(): void;
}

function weightOf({ entries, deleted }: AuditBatch): number {
  return entries.length + deleted.length;
}

export function createAuditTrail(options: AuditTrailOptions): AuditTrail {
  return new Trail(options);
}

class Trail implements AuditTrail {
  readonly name = 'audit trail';
  private waiting: Waiting[] = [];
  /** Of what waits and of what is being written. */
  private weight = 0;
  private readonly wanting: (() => void)[] = [];
  private readonly pause = new Pause();
  private running: Promise<void> | undefined;
  private gatherMs = GATHER_MS;
  private ended = false;
  private stuck = false;

  constructor(private readonly options: AuditTrailOptions) {}

  async start(): Promise<void> {}

  append(batch: AuditBatch): Promise<void> {
    return new Promise((done) => {
      this.waiting.push({ ...batch, done });
      this.weight += weightOf(batch);
      this.running ??= this.run();
      // Somebody waits for the end of a deletion.
      if (batch.deleted.length > 0 && !this.stuck) this.pause.cut();
    });
  }

  room(): Promise<void> {
    if (this.weight < MAX_WAITING_ENTRIES) return Promise.resolve();
    return new Promise((resolve) => this.wanting.push(resolve));
  }

  async shutdown({ deadlineMs }: { deadlineMs: number }): Promise<void> {
    this.ended = true;
    this.pause.cut();
    const timer = new Pause();
    await Promise.race([this.running, timer.sleep(deadlineMs)]);
    timer.cut();
  }

  private async run(): Promise<void> {
    while (this.waiting.length > 0 && !this.ended) {
      if (!this.isUrgent()) await this.pause.sleep(this.options.gatherMs ?? this.gatherMs);
      const batches = this.take();
      const entries = batches.reduce((sum, batch) => sum + batch.entries.length, 0);
      this.gatherMs = entries >= BUSY_ENTRIES ? BUSY_GATHER_MS : GATHER_MS;
      if (await this.write(batches)) this.finish(batches);
    }
    this.running = undefined;
  }

  private isUrgent(): boolean {
    const size = this.waiting.reduce((sum, batch) => sum + weightOf(batch), 0);
    return size >= MAX_ENTRIES_PER_TRANSACTION || this.waiting.some(({ deleted }) => deleted.length > 0);
  }

  private take(): Waiting[] {
    let size = weightOf(this.waiting[0]!);
    let count = 1;
    for (; count < this.waiting.length; count++) {
      size += weightOf(this.waiting[count]!);
      if (size > MAX_ENTRIES_PER_TRANSACTION) break;
    }
    return this.waiting.splice(0, count);
  }

  /** False when the trail ended before. */
  private async write(batches: readonly Waiting[]): Promise<boolean> {
    for (let tries = 0; !this.ended; tries++) {
      try {
        await this.commit(batches);
        this.recover();
        return true;
      } catch (error) {
        this.fail(error instanceof Error ? error.message : String(error));
        await this.pause.sleep(this.ended ? 0 : retryDelayMs(tries));
      }
    }
    return false;
  }

  private async commit(batches: readonly Waiting[]): Promise<void> {
    const { control, events } = this.options;
    const started = performance.now();
    const entries = batches.flatMap((batch) => batch.entries);
    const deleted = batches.flatMap((batch) => batch.deleted);
    await control.transaction(async ({ runs, auditLogs }) => {
      for (const { workspace, traceId } of deleted) {
        await runs.detachTrace(workspace, Buffer.from(traceId).toString('hex'));
      }
      // Last: the chains of the workspaces are held from here to the end of the transaction.
      await auditLogs.appendAll(entries);
    });
    events.audited({ entries: entries.length, durationMs: performance.now() - started });
  }

  private finish(batches: readonly Waiting[]): void {
    for (const batch of batches) {
      this.weight -= weightOf(batch);
      batch.done();
    }
    if (this.weight < MAX_WAITING_ENTRIES) for (const resolve of this.wanting.splice(0)) resolve();
  }

  private fail(reason: string): void {
    if (!this.stuck) this.options.events.auditTrailStuck(reason);
    this.stuck = true;
  }

  private recover(): void {
    if (this.stuck) this.options.events.auditTrailRecovered();
    this.stuck = false;
  }
}
