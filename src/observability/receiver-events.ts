import type { Outcome, ReceiverEvents, RequestEvent, Transport } from '../../receivers/otlp/events.js';
import type { Logger } from './logger.js';
import type { Metrics } from './metrics.js';
import type { Repetition } from './repetition.js';

/** As the Collector labels receivers: type, then a name after a slash for a second one of that type. */
const LABELS: Readonly<Record<Transport, { receiver: string; transport: string }>> = {
  http: { receiver: 'otlp', transport: 'http' },
  grpc: { receiver: 'otlp', transport: 'grpc' },
  api: { receiver: 'otlp/api', transport: 'http' },
  native: { receiver: 'native', transport: 'http' },
};

/** The Collector's three words for ours. */
const OUTCOMES: Readonly<Record<Outcome, 'success' | 'refused' | 'failure'>> = {
  accepted: 'success',
  partial: 'success',
  refused: 'refused',
  invalid: 'failure',
  failed: 'failure',
  aborted: 'failure',
};

/** The buffer and the gateway log these themselves, once, when they begin and end. */
const LOGGED_AT_THE_SOURCE: ReadonlySet<string> = new Set(['BUFFER_FULL', 'DISK_FULL', 'DISK_FAILED', 'SHUTTING_DOWN']);

function count(metrics: Metrics, event: RequestEvent): void {
  const { receiver } = metrics;
  const { signal, outcome } = event;
  const labels = LABELS[event.transport];
  const perSignal = { ...labels, signal: signal ?? 'unknown' };
  const code = event.error?.code ?? outcome.toUpperCase();
  receiver.requests.inc({ ...perSignal, outcome: OUTCOMES[outcome], code });
  receiver.receivedBytes.inc(perSignal, event.bytes);
  receiver.requestDuration.observe(perSignal, event.durationMs / 1000);
  if (signal === undefined) return;
  if (event.accepted > 0) receiver.accepted[signal].inc(labels, event.accepted);
  if (event.rejected > 0) receiver.rejected.inc(perSignal, event.rejected);
  if (event.refused === 0) return;
  (outcome === 'refused' ? receiver.refused : receiver.failed)[signal].inc(labels, event.refused);
  for (const exporter of metrics.refusingQueues(code)) {
    metrics.exporter.enqueueFailed[signal].inc({ exporter }, event.refused);
  }
}

function logOutcome(log: Logger, repetition: Repetition, event: RequestEvent): void {
  const { transport, signal, outcome, error } = event;
  if (outcome === 'accepted' || outcome === 'aborted') return;
  if (error && LOGGED_AT_THE_SOURCE.has(error.code)) return;
  const repeated = repetition(`${transport} ${outcome} ${error?.code ?? ''}`);
  if (!repeated) return;
  const fields = { event: `receiver.${outcome}`, transport, signal, code: error?.code, quiet: repeated.quiet };
  const text = error?.message ?? event.message;
  if (outcome === 'failed') log.error({ ...fields, err: error }, `Request failed: ${text}`);
  else if (outcome === 'partial') log.warn({ ...fields, rejected: event.rejected }, `Items rejected: ${text}`);
  else log.warn(fields, `Request ${outcome}: ${text}`);
}

/** As a Collector shows them from a receiver's first request on: an alert on an increase sees no first refusal otherwise. */
function showZeros({ receiver }: Metrics): (event: RequestEvent) => void {
  const seen = new Set<string>();
  return ({ transport, signal }) => {
    const key = `${transport} ${signal}`;
    if (signal === undefined || seen.has(key)) return;
    seen.add(key);
    for (const counter of [receiver.accepted, receiver.refused, receiver.failed]) {
      counter[signal].inc(LABELS[transport], 0);
    }
  };
}

export function createReceiverEvents(log: Logger, metrics: Metrics, repetition: Repetition): ReceiverEvents {
  const { wrongProtocolPeers, tlsReloads } = metrics.receiver;
  const seen = showZeros(metrics);
  return {
    request(event) {
      seen(event);
      count(metrics, event);
      logOutcome(log, repetition, event);
    },
    wrongProtocol({ transport, peer, spoken, hint }) {
      wrongProtocolPeers.inc({ transport, spoken });
      log.warn({ event: 'receiver.wrong_protocol', transport, peer, spoken }, hint);
    },
    tlsReloaded({ transport }) {
      tlsReloads.inc({ transport, outcome: 'success' });
      log.info({ event: 'receiver.tls_reloaded', transport }, 'Certificates were read again');
    },
    tlsReloadFailed({ transport, error }) {
      tlsReloads.inc({ transport, outcome: 'failure' });
      log.error(
        { event: 'receiver.tls_reload_failed', transport, err: error },
        'Changed certificates could not be read; the old ones stay in use',
      );
    },
  };
}
