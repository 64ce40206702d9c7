/** What the applications of the day have in common. */
import type { SpanIds } from './application.js';
import type { Chance } from './chance.js';
import type { Day } from './day.js';

/** What the printed views look at: the last of its kind. */
export interface Examples {
  /** A call whose messages came as log events. */
  fromEvents?: SpanIds;
  /** A call that read from a cache. */
  cached?: SpanIds;
  agent?: SpanIds;
  unpriced?: SpanIds;
  sessionId?: string;
  userId?: string;
}

export interface Setting {
  chance: Chance;
  day: Day;
  /** Part of every session's id: a second run has sessions of its own. */
  run: string;
  users: readonly string[];
  examples: Examples;
}
