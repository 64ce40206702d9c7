import type { BufferEvents, BufferState, Damage, RecoveryReport } from '../buffer/events.js';
import type { GatewayError } from '../errors.js';
import type { Logger } from './logger.js';
import type { Metrics } from './metrics.js';

/** A directory that lost whole segments must not fill the log. */
const MAX_DAMAGES_LOGGED = 20;

const MESSAGES: Readonly<Record<BufferState, string>> = {
  open: 'The buffer takes requests again',
  full: 'The buffer is full: requests are refused until a consumer catches up',
  'disk-full': 'The disk is full: requests are refused until there is space',
  failed: 'The disk failed: requests are refused until a restart',
};

function logState(log: Logger, to: BufferState, error: GatewayError | undefined): void {
  const fields = { event: 'buffer.state', state: to, ...(error && { err: error }) };
  if (to === 'open') log.info(fields, MESSAGES[to]);
  else if (to === 'full') log.warn(fields, MESSAGES[to]);
  else log.error(fields, MESSAGES[to]);
}

function countRecovery({ buffer }: Metrics, { damages, damagedPlaces, tornBytes }: RecoveryReport): void {
  buffer.truncatedBytes.inc(tornBytes);
  buffer.damagedPlaces.inc(damagedPlaces);
  for (const damage of damages) buffer.damagedFrames.inc(framesIn(damage));
}

function framesIn({ firstSequence, lastSequence }: Damage): number {
  return Math.max(1, lastSequence - firstSequence + 1);
}

function logRecovery(log: Logger, { damages, ...report }: RecoveryReport): void {
  log.info(
    { event: 'buffer.recovered', ...report },
    `Buffer recovered: ${report.frames} requests with ${report.items} items wait for their consumers`,
  );
  for (const damage of damages.slice(0, MAX_DAMAGES_LOGGED)) {
    log.error({ event: 'buffer.damaged', ...damage }, `Damaged on disk: ${damage.reason}`);
  }
}

export function createBufferEvents(log: Logger, metrics: Metrics): BufferEvents {
  const { buffer } = metrics;
  return {
    opened({ directory, id, segmentBytes, maxBytes }) {
      buffer.accepting.set(1);
      log.debug({ event: 'buffer.opened', directory, id, segmentBytes, maxBytes }, 'Buffer opened');
    },
    recovered(report) {
      countRecovery(metrics, report);
      logRecovery(log, report);
    },
    committed({ frames, bytes, durationMs }) {
      buffer.commitFrames.observe(frames);
      buffer.commitBytes.inc(bytes);
      buffer.commitDuration.observe(durationMs / 1000);
    },
    stateChanged({ to, error }) {
      buffer.accepting.set(to === 'open' ? 1 : 0);
      buffer.stateChanges.inc({ state: to });
      logState(log, to, error);
    },
    cursorsNotKept(error) {
      buffer.cursorFailures.inc();
      log.error(
        { event: 'buffer.cursors_not_kept', err: error },
        'The cursors could not be written: after a restart, consumers would repeat what they have done since',
      );
    },
  };
}
