/**
 * Brings what the frames of the buffer tell the audit log into the control store: entries of several batches together,
 * one transaction at a time, again and again while that store is down. Nobody waits for them but the buffer, whose frames
 * are released when theirs are written; an entry that a crash lets come twice is known by its source. One that the store
 * refuses for what it is goes to the dead letters, and the others go on.
 */
import type { Component } from '../src/component.js';
import type { AuditEntry } from '../src/model/audit-entry.js';
import { isRefusal } from '../src/store/control/refusal.js';
import type { ControlStore } from '../src/store/control/store.js';
import type { WorkerConfig } from './config.js';
import { type DeadLetterBox, trimBehind } from './dead-letters.js';
import type { Burial } from './messages.js';
import { Pause } from './pause.js';
import { lettersOf, type RefusedEntry } from './refused-entries.js';
import { retryDelayMs } from './retry.js';

export interface AuditTrailEvents {
  /** One transaction is committed. */
  audited(batch: { entries: number; durationMs: number }): void;
  /** The control store began to refuse entries; `auditTrailRecovered` follows when it takes them again. */
  auditTrailStuck(reason: string): void;
  auditTrailRecovered(): void;
  deadLettered(letter: Burial): void;
  deadLettersDropped(count: number): void;
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
  config: Pick<WorkerConfig, 'deadLetterMaxBytes'>;
  control: Pick<ControlStore, 'transaction'>;
  deadLetters: Pick<DeadLetterBox, 'add' | 'trim'>;
  events: AuditTrailEvents;
  /** How long entries wait for more of them, so that a transaction is worth its price. */
  gatherMs?: number;
}

export interface AuditTrail extends Component {
  /**
   * Resolves when each entry of the batch is committed, or among the dead letters: after an outage too, but never once the
   * trail has been shut down.
   */
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

/** What a trace is let go of comes before its entry, as in the one transaction. */
function partsOf({ entries, deleted }: AuditBatch): AuditBatch[] {
  if (deleted.length > 0) {
    return [
      { entries: [], deleted },
      { entries, deleted: [] },
    ];
  }
  const middle = entries.length >> 1;
  return [
    { entries: entries.slice(0, middle), deleted },
    { entries: entries.slice(middle), deleted },
  ];
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
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
      if (await this.conclude(batches)) this.finish(batches);
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

  /** False when the trail ended before. What is refused lies among the dead letters before its frame is released. */
  private async conclude(batches: readonly Waiting[]): Promise<boolean> {
    const entries = batches.flatMap((batch) => batch.entries);
    const refused = await this.write({ entries, deleted: batches.flatMap((batch) => batch.deleted) });
    return refused !== undefined && (await this.bury(refused));
  }

  /** The entries that are refused for what they are; undefined when the trail ended before. */
  private async write(batch: AuditBatch): Promise<RefusedEntry[] | undefined> {
    let refusal: unknown;
    const done = await this.insist(async () => {
      try {
        await this.commit(batch);
      } catch (error) {
        // What lets runs go of a trace names no data that could be refused.
        if (batch.entries.length === 0 || !isRefusal(error)) throw error;
        refusal = error;
      }
    });
    if (!done) return undefined;
    return refusal === undefined ? [] : this.isolate(batch, refusal);
  }

  /** Halves what the store refuses until the entry that it can't take stands alone. */
  private async isolate(batch: AuditBatch, error: unknown): Promise<RefusedEntry[] | undefined> {
    const { entries, deleted } = batch;
    if (entries.length === 1 && deleted.length === 0) return [{ entry: entries[0]!, reason: messageOf(error) }];
    const refused: RefusedEntry[] = [];
    for (const part of partsOf(batch)) {
      const some = await this.write(part);
      if (!some) return undefined;
      refused.push(...some);
    }
    return refused;
  }

  /** False when the trail ended before. */
  private async bury(refused: readonly RefusedEntry[]): Promise<boolean> {
    const { config, deadLetters, events } = this.options;
    for (const letter of lettersOf(refused)) {
      if (!(await this.insist(() => deadLetters.add(letter)))) return false;
      events.deadLettered({ sequence: letter.sequence, reason: letter.reason });
    }
    if (refused.length > 0) trimBehind(deadLetters, config, events);
    return true;
  }

  /** Again and again until it succeeds; false when the trail ended before. */
  private async insist(attempt: () => Promise<void>): Promise<boolean> {
    for (let tries = 0; !this.ended; tries++) {
      try {
        await attempt();
        this.recover();
        return true;
      } catch (error) {
        this.fail(messageOf(error));
        await this.pause.sleep(this.ended ? 0 : retryDelayMs(tries));
      }
    }
    return false;
  }

  private async commit({ entries, deleted }: AuditBatch): Promise<void> {
    const { control, events } = this.options;
    const started = performance.now();
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
