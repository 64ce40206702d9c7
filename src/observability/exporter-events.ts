import type { ExporterEvents } from '../../exporters/events.js';
import { type ItemCounts, SIGNALS } from '../component.js';
import type { Logger } from './logger.js';
import type { Metrics } from './metrics.js';
import type { Repetition } from './repetition.js';

type Delivered = Parameters<ExporterEvents['delivered']>[0];
type Processed = Parameters<ExporterEvents['processed']>[0];

function countDelivered({ exporter: metrics }: Metrics, delivered: Delivered): void {
  const { exporter, signal, items, bytes, rejected, durationMs } = delivered;
  metrics.sent[signal].inc({ exporter }, items - rejected);
  if (rejected > 0) metrics.sendFailed[signal].inc({ exporter }, rejected);
  metrics.batchItems.observe({ exporter }, items);
  metrics.batchBytes.observe({ exporter }, bytes);
  metrics.requestDuration.observe({ exporter }, durationMs / 1000);
}

function countProcessed(
  { exporter: { leftOut }, processor: metrics }: Metrics,
  { exporter, signal, processor, incoming, outgoing }: Processed,
): void {
  const labels = { processor, otel_signal: signal, exporter };
  metrics.incoming.inc(labels, incoming);
  metrics.outgoing.inc(labels, outgoing);
  if (outgoing < incoming) leftOut.inc({ exporter, signal, processor }, incoming - outgoing);
}

function countDropped({ exporter: metrics }: Metrics, exporter: string, signals: ItemCounts): void {
  for (const signal of SIGNALS) {
    metrics.dropped.inc({ exporter }, signals[signal]);
    metrics.enqueueFailed[signal].inc({ exporter }, signals[signal]);
  }
}

export function createExporterEvents(log: Logger, metrics: Metrics, repetition: Repetition): ExporterEvents {
  const { exporter: own, deadLetters } = metrics;
  /** Once in a while of each kind and exporter: exporters are as many as the configuration names. */
  const seldom = (kind: string, exporter: string, write: (quiet: number) => void) => {
    const repeated = repetition(`${kind} ${exporter}`);
    if (repeated) write(repeated.quiet);
  };
  return {
    delivered(delivered) {
      countDelivered(metrics, delivered);
      const { exporter, signal, rejected, message } = delivered;
      if (rejected === 0 && message === '') return;
      seldom('partial', exporter, (quiet) =>
        log.warn(
          { event: 'exporter.partial_success', exporter, signal, rejected, quiet },
          `${exporter} took a request but for ${rejected} items: ${message}`,
        ),
      );
    },
    postponed({ exporter, signal, reason }) {
      own.retries.inc({ exporter, signal });
      log.debug({ event: 'exporter.postponed', exporter, signal, reason }, 'To be tried again');
    },
    failed({ exporter, endpoint, reason }) {
      log.error(
        { event: 'exporter.failed', exporter, endpoint, reason },
        `${exporter} takes nothing now: the buffer keeps what is for it`,
      );
    },
    recovered({ exporter, endpoint }) {
      log.info({ event: 'exporter.recovered', exporter, endpoint }, `${exporter} takes requests again`);
    },
    refused({ exporter, signal, items, reason }) {
      own.sendFailed[signal].inc({ exporter }, items);
      deadLetters.written.inc();
      seldom('refused', exporter, (quiet) =>
        log.error(
          { event: 'exporter.refused', exporter, signal, items, reason, quiet },
          `${exporter} refused a request for good, which is among the dead letters now: ${reason}`,
        ),
      );
    },
    processed(passage) {
      countProcessed(metrics, passage);
    },
    dropped({ exporter, frames, items, signals, first }) {
      countDropped(metrics, exporter, signals);
      if (!first) return;
      log.error(
        { event: 'exporter.dropping', exporter, frames, items },
        `${exporter} is so far behind that its oldest requests are dropped (EXPORTER_BUFFER_SHARE)`,
      );
    },
    keptUp({ exporter, items }) {
      log.info({ event: 'exporter.kept_up', exporter, items }, `${exporter} has caught up, without ${items} items`);
    },
    unusable({ exporter, frames, buried, reason }) {
      own.unusable.inc({ exporter }, frames);
      deadLetters.written.inc(buried);
      seldom('unusable', exporter, (quiet) =>
        log.error({ event: 'exporter.unusable', exporter, reason, quiet }, 'A request could not be read for export'),
      );
    },
    answerUnreadable({ exporter, reason }) {
      seldom('unreadable', exporter, (quiet) =>
        log.warn(
          { event: 'exporter.answer_unreadable', exporter, reason, quiet },
          `${exporter} took a request, but ${reason}`,
        ),
      );
    },
    stuck({ exporter, reason }) {
      seldom('stuck', exporter, (quiet) =>
        log.error({ event: 'exporter.stuck', exporter, reason, quiet }, 'This gateway keeps its own exporter waiting'),
      );
    },
  };
}
