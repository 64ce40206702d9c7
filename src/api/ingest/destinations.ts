import { kindOf } from '../error-kind.js';
import type { Destination } from './schema.js';
import type { BatchTold, ExporterTold, Fate } from './source.js';

type State = Destination['state'];

const STORE = 'store';

const FAILED: Readonly<Record<string, State>> = {
  'dead-letter': 'dead_lettered',
  partial: 'partly_refused',
  lost: 'dropped',
  unreadable: 'unreadable',
  unknown: 'unknown',
};
const PENDING: Readonly<Record<string, State>> = { waiting: 'waiting', taken: 'in_flight' };

const CHOSEN = 'All of it that the processors of its pipelines leave over';
const PASSED_BY = 'It takes no such signal';
const REPLAYED = 'By a replay of its dead letter';
const LONG_AGO = 'From before this destination was there, or too long ago to be told';

interface Found {
  told: BatchTold;
  exporters: Readonly<Record<string, ExporterTold>>;
}

const seconds = (unixMs: number | undefined) => (unixMs === undefined ? null : Math.floor(unixMs / 1000));

/** Who only reads ahead of exporters, to decide on traces, sends nothing: `<processor>.sampler`. */
const READ_AHEAD = /\.sampler$/;

export function destinationsOf(found: Found): Destination[] {
  return Object.entries(found.told.fates)
    .filter(([name]) => !READ_AHEAD.test(name))
    .map(([name, fate]) => (name === STORE ? storeOf(name, fate) : exporterOf(name, fate, found)));
}

export function statusOf(destinations: readonly Destination[]): 'pending' | 'complete' | 'incomplete' {
  const states = new Set(destinations.map(({ state }) => state));
  if (states.has('waiting') || states.has('in_flight')) return 'pending';
  const good: ReadonlySet<State> = new Set(['stored', 'sent', 'not_sent']);
  return destinations.every(({ state }) => good.has(state)) ? 'complete' : 'incomplete';
}

function storeOf(name: string, { state, exception }: Fate): Destination {
  const replayed = exception?.replayedAs !== undefined ? REPLAYED : null;
  if (state === 'done') return { ...plain(name, 'store', 'stored'), reason: replayed };
  const pending = PENDING[state];
  return pending ? plain(name, 'store', pending) : failed(plain(name, 'store', FAILED[state]!), exception);
}

function exporterOf(name: string, fate: Fate, { told, exporters }: Found): Destination {
  const exporter = exporters[name];
  const { state, exception } = fate;
  const at = (reached: State, reason: string | null = null) => ({ ...plain(name, 'exporter', reached), reason });
  if (exporter && !exporter.signals.includes(told.signal)) return at('not_sent', PASSED_BY);
  if (state === 'done' && exception?.replayedAs !== undefined) return at('sent', REPLAYED);
  if (state === 'done') return at('sent', exporter?.chooses ? CHOSEN : null);
  const pending = PENDING[state];
  return pending ? held(at(pending), exporter, told) : failed(at(FAILED[state]!), exception);
}

function plain(name: string, kind: Destination['kind'], state: State): Destination {
  return { name, kind, state, reason: null, at: null, dead_letter_id: null };
}

function failed(destination: Destination, exception: Fate['exception']): Destination {
  const { reason = LONG_AGO, timeUnixMs, letter = null } = exception ?? {};
  return { ...destination, reason, at: seconds(timeUnixMs), dead_letter_id: letter };
}

/** What went wrong since may be of another's request: its kind alone is told. */
function held(destination: Destination, exporter: ExporterTold | undefined, told: BatchTold): Destination {
  const { lastError } = exporter ?? {};
  if (lastError === undefined || lastError.timeUnixMs < told.receivedTimeUnixMs) return destination;
  return { ...destination, reason: kindOf(lastError.message), at: seconds(lastError.timeUnixMs) };
}
