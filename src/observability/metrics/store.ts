/** What becomes of batches on their way into the store: rows, audit entries, dead letters. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { SECONDS } from './families.js';

export function storeMetrics(registry: Registry) {
  const registers = [registry];
  return {
    decodeDuration: new Histogram({
      name: 'promptmetrics_store_decode_duration_seconds',
      help: 'Time to decode one batch',
      buckets: SECONDS,
      registers,
    }),
    mapDuration: new Histogram({
      name: 'promptmetrics_store_map_duration_seconds',
      help: 'Time to find out what the records of one batch tell of calls to models',
      buckets: SECONDS,
      registers,
    }),
    writeDuration: new Histogram({
      name: 'promptmetrics_store_write_duration_seconds',
      help: 'Time of the one transaction that stores a batch',
      buckets: SECONDS,
      registers,
    }),
    duplicateSpans: new Counter({
      name: 'promptmetrics_store_duplicate_spans_total',
      help: 'Spans that were stored already, by workspace, trace id and span id',
      registers,
    }),
    mappingFailures: new Counter({
      name: 'promptmetrics_store_mapping_failures_total',
      help: 'Spans and logs that were stored, but could not be read for what they tell of calls to models',
      registers,
    }),
    cutTexts: new Counter({
      name: 'promptmetrics_store_cut_texts_total',
      help: 'Texts of attributes, events and log bodies that were cut, being over MAX_ATTRIBUTE_BYTES',
      registers,
    }),
    up: new Gauge({
      name: 'promptmetrics_store_up',
      help: '1 while the store takes batches, 0 from the first that it could not take',
      registers,
    }),
    outages: new Counter({
      name: 'promptmetrics_store_outages_total',
      help: 'Times the store stopped taking batches',
      registers,
    }),
    unreadableBlocks: new Counter({
      name: 'promptmetrics_store_unreadable_blocks_total',
      help: 'Block files that were found unreadable and are left out of answers',
      registers,
    }),
  };
}

export function auditMetrics(registry: Registry) {
  const registers = [registry];
  return {
    appended: new Counter({
      name: 'promptmetrics_audit_entries_total',
      help: 'Entries that telemetry writes brought to the audit log, those that were there already included',
      registers,
    }),
    duration: new Histogram({
      name: 'promptmetrics_audit_append_duration_seconds',
      help: 'Time of the one transaction that appends what several batches tell the audit log',
      buckets: SECONDS,
      registers,
    }),
    up: new Gauge({
      name: 'promptmetrics_audit_trail_up',
      help: '1 while the audit log takes what telemetry writes tell it, 0 from the first that it could not take',
      registers,
    }),
  };
}

export function deadLetterMetrics(registry: Registry) {
  const registers = [registry];
  return {
    written: new Counter({
      name: 'promptmetrics_dead_letters_total',
      help: 'Frames that could not be decoded or written and were set aside',
      registers,
    }),
    dropped: new Counter({
      name: 'promptmetrics_dead_letters_dropped_total',
      help: 'Dead letters that were deleted to keep within the limit',
      registers,
    }),
  };
}
