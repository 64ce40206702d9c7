/** What can be told of a request after it was taken, in either mode: what it is asked for by, and what became of it. */
import type { ExporterEvents } from '../exporters/events.js';
import type { ExporterState } from '../exporters/exporter.js';
import { type DeadLetterBox, deadLetterId } from '../workers/dead-letters.js';
import type { DrainEvents } from '../workers/drain.js';
import type { Batches } from './api/ingest/source.js';
import { makerOf, shortIdOf, withBatchIds } from './buffer/batch-ids.js';
import type { DurableBuffer } from './buffer/buffer.js';
import { createFates, type Fates, type WatchedBuffer } from './buffer/fates.js';
import type { Appender, Component } from './component.js';
import type { Observability } from './observability/observability.js';

export interface TrackingOptions {
  buffer: DurableBuffer;
  /** The buffer's. */
  directory: string;
  deadLetters: DeadLetterBox;
  observability: Observability;
}

export interface Tracking {
  /** Started behind the buffer. */
  readonly component: Component;
  /** The buffer, for those whose requests are to be asked for. */
  readonly next: Appender;
  /** The buffer, for exporters. */
  readonly buffer: WatchedBuffer;
  readonly deadLetters: DeadLetterBox;
  readonly drainEvents: DrainEvents;
  readonly exporterEvents: ExporterEvents;
  batches(exporters: { states(): Record<string, ExporterState> }): Batches;
}

export function createTracking({ buffer, directory, deadLetters, observability }: TrackingOptions): Tracking {
  const { events, logger } = observability;
  const fates = createFates({
    buffer,
    directory,
    notKept: (error) => logger.warn({ event: 'fates.not_kept', err: error }, 'What was lost or refused is not kept'),
  });
  return {
    component: fates,
    next: withBatchIds(buffer, () => fates.ids),
    buffer: fates.watched(),
    deadLetters: trackedLetters(deadLetters, fates),
    drainEvents: trackedDrain(events.drain, fates, buffer),
    exporterEvents: trackedExports(events.exporter, fates),
    batches: (exporters) => ({
      gateway: () => shortIdOf(buffer.id),
      makerOf,
      find(workspace, id) {
        const batch = fates.ids.read(workspace, id);
        const found = batch && fates.of({ ...batch, workspace });
        return found && { ...batch, fates: found };
      },
      exporters: exporters.states,
    }),
  };
}

function trackedLetters(box: DeadLetterBox, fates: Fates): DeadLetterBox {
  return {
    ...box,
    async add(input) {
      await box.add(input);
      const { bufferId, exporter, sequence, lastSequence = sequence, piece, reason, frame } = input;
      if (exporter === undefined) return;
      const letter = deadLetterId(bufferId, sequence, exporter, piece);
      const of = frame && { signal: frame.signal, workspace: frame.workspace };
      fates.note(exporter, { kind: 'dead-letter', first: sequence, last: lastSequence, reason, letter, ...of });
    },
    async replay(id, next, resend) {
      const sequence = await box.replay(id, next, resend);
      fates.replayed(id, sequence);
      return sequence;
    },
  };
}

function trackedDrain(events: DrainEvents, fates: Fates, buffer: DurableBuffer): DrainEvents {
  return {
    ...events,
    deadLettered(burial) {
      events.deadLettered(burial);
      const { sequence, reason } = burial;
      const letter = deadLetterId(buffer.id, sequence);
      fates.note('store', { kind: 'dead-letter', first: sequence, last: sequence, reason, letter });
    },
  };
}

/** The backend's own words stay out of it: they may be of another request that was sent along. */
function trackedExports(events: ExporterEvents, fates: Fates): ExporterEvents {
  return {
    ...events,
    delivered(delivered) {
      events.delivered(delivered);
      const { exporter, signal, range, items, rejected } = delivered;
      if (rejected === 0) return;
      const reason = `Of ${items} items that were sent at once it refused ${rejected}`;
      fates.note(exporter, { kind: 'partial', ...range, reason, signal });
    },
    unusable(unusable) {
      events.unusable(unusable);
      const { exporter, reason, damaged } = unusable;
      if (damaged) fates.note(exporter, { kind: 'unreadable', ...damaged, reason });
    },
  };
}
