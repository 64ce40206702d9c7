import type { DrainEvents } from '../../workers/drain.js';
import type { Logger } from './logger.js';
import type { Metrics } from './metrics.js';
import type { Repetition } from './repetition.js';

type StoredBatch = Parameters<DrainEvents['stored']>[0];

/** The drain counts as the Collector's exporter of this name. */
const LABELS = { exporter: 'store' };

function countStored({ exporter, store }: Metrics, { range, result }: StoredBatch): void {
  exporter.sent.traces.inc(LABELS, result.spans);
  exporter.sent.logs.inc(LABELS, result.logRecords);
  exporter.sent.metrics.inc(LABELS, result.metricPoints);
  exporter.batchItems.observe(LABELS, range.items);
  exporter.batchBytes.observe(LABELS, range.length);
  store.duplicateSpans.inc(result.duplicateSpans);
  store.cutTexts.inc(result.cutTexts);
  store.decodeDuration.observe(result.decodeMs / 1000);
  store.mapDuration.observe(result.mapMs / 1000);
  store.writeDuration.observe(result.writeMs / 1000);
}

export function createDrainEvents(log: Logger, metrics: Metrics, repetition: Repetition): DrainEvents {
  const { store, deadLetters, audit } = metrics;
  store.up.set(1);
  audit.up.set(1);
  return {
    stored(batch) {
      countStored(metrics, batch);
      const { mappingFailures } = batch.result;
      if (!mappingFailures) return;
      store.mappingFailures.inc(mappingFailures.count);
      const repeated = repetition('mapping failure');
      const { reason } = mappingFailures;
      if (repeated) log.warn({ event: 'mapping.failed', reason, quiet: repeated.quiet }, 'Stored without its meaning');
    },
    deadLettered({ sequence, reason }) {
      deadLetters.written.inc();
      const repeated = repetition('dead letter');
      if (repeated) log.warn({ event: 'dead_letter', sequence, quiet: repeated.quiet }, `Set aside: ${reason}`);
    },
    deadLettersDropped(count) {
      deadLetters.dropped.inc(count);
      log.warn({ event: 'dead_letters.dropped', count }, 'The oldest dead letters were deleted to keep their limit');
    },
    storeUnavailable(reason) {
      store.up.set(0);
      store.outages.inc();
      log.error({ event: 'store.unavailable', reason }, 'The store takes nothing now: the buffer keeps what comes in');
    },
    storeRecovered() {
      store.up.set(1);
      log.info({ event: 'store.recovered' }, 'The store takes batches again');
    },
    audited({ entries, durationMs }) {
      audit.appended.inc(entries);
      audit.duration.observe(durationMs / 1000);
    },
    auditTrailStuck(reason) {
      audit.up.set(0);
      log.error(
        { event: 'audit_trail.stuck', reason },
        'The audit log takes nothing now: the buffer keeps its entries',
      );
    },
    auditTrailRecovered() {
      audit.up.set(1);
      log.info({ event: 'audit_trail.recovered' }, 'The audit log takes entries again');
    },
  };
}
