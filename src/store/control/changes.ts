/** Tells whoever keeps something in memory that it has changed in the database: in this process, and in the others. */
import { type Kysely, sql } from 'kysely';
import { z } from 'zod';
import type { DialectFacts } from '../dialect-facts.js';
import type { ControlSchema } from './schema.js';

const changeSchema = z.discriminatedUnion('topic', [
  z.object({ topic: z.literal('api-keys'), id: z.number() }),
  z.object({ topic: z.literal('prompts'), workspace: z.string(), name: z.string() }),
  z.object({ topic: z.literal('prices'), workspace: z.string() }),
  z.object({ topic: z.literal('repricings'), workspace: z.string() }),
]);

const messageSchema = z.object({ from: z.string(), change: changeSchema });

/** What has changed: one key, one prompt's versions or labels, a workspace's own prices; or there is something to price anew. */
export type Change = z.infer<typeof changeSchema>;

/** `missed`: for a while changes by other processes were not heard. */
export type ChangeListener = (change: Change | 'missed') => void;

export interface Changes {
  /** Heard in this process when the transaction has ended, before whoever waits for it goes on. */
  announce(change: Change): Promise<void>;
}

export const CHANGE_CHANNEL = 'promptmetrics_changes';

export class ChangeFeed {
  private readonly listeners = new Set<ChangeListener>();

  /** Answers how to stop listening. */
  subscribe(listener: ChangeListener): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  emit(change: Change | 'missed'): void {
    for (const listener of this.listeners) listener(change);
  }
}

/** As the other processes read it. */
export function writeChange(change: Change, origin: string): string {
  return JSON.stringify({ from: origin, change });
}

/** What another process announced; undefined for what this one did, which it knows, and for what a later version sends. */
export function readChange(payload: string, origin: string): Change | undefined {
  try {
    const { from, change } = messageSchema.parse(JSON.parse(payload));
    return from === origin ? undefined : change;
  } catch {
    return undefined;
  }
}

export interface ChangesOptions {
  facts: DialectFacts;
  /** Tells this process from the others. */
  origin: string;
  /** Called with what was announced, for the listeners in this process. */
  spread(change: Change): void;
}

export function createChanges(db: Kysely<ControlSchema>, { facts, origin, spread }: ChangesOptions): Changes {
  return {
    async announce(change) {
      const { notifyFunction } = facts;
      if (notifyFunction !== undefined) {
        const payload = writeChange(change, origin);
        await sql`select ${sql.raw(notifyFunction)}(${CHANGE_CHANNEL}, ${payload})`.execute(db);
      }
      spread(change);
    },
  };
}
