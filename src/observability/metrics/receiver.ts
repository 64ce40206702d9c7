import { Counter, Histogram, type Registry } from 'prom-client';
import { perSignal, SECONDS } from './families.js';

type ReceiverLabels = 'receiver' | 'transport';

export function receiverMetrics(registry: Registry) {
  const registers = [registry];
  const labelNames: ReceiverLabels[] = ['receiver', 'transport'];
  const items = (verb: string, meaning: string) =>
    perSignal(registry, {
      name: (name) => `otelcol_receiver_${verb}_${name}_total`,
      help: (name) => `${name} ${meaning}`,
      labelNames,
    });
  return {
    accepted: items('accepted', 'that are in the buffer'),
    refused: items('refused', 'that were sent back to be tried again: buffer full, disk full, overload, shutdown'),
    failed: items('failed', 'lost to a fault of the receiver itself'),
    rejected: new Counter({
      name: 'promptmetrics_receiver_rejected_items_total',
      help: 'Invalid items, left out of requests that were accepted otherwise (partial success)',
      labelNames: [...labelNames, 'signal'],
      registers,
    }),
    requests: new Counter({
      name: 'otelcol_receiver_requests_total',
      help: 'Requests by outcome: success, refused (try again) or failure; code tells whose fault',
      labelNames: [...labelNames, 'signal', 'outcome', 'code'],
      registers,
    }),
    receivedBytes: new Counter({
      name: 'promptmetrics_receiver_payload_bytes_total',
      help: 'Bytes of request bodies, as they were on the wire',
      labelNames: [...labelNames, 'signal'],
      registers,
    }),
    requestDuration: new Histogram({
      name: 'promptmetrics_receiver_request_duration_seconds',
      help: 'From the first byte of a request to its answer, made durable in between',
      labelNames: [...labelNames, 'signal'],
      buckets: SECONDS,
      registers,
    }),
    wrongProtocolPeers: new Counter({
      name: 'promptmetrics_receiver_wrong_protocol_peers_total',
      help: 'Peers that spoke another protocol than the port they called',
      labelNames: ['transport', 'spoken'],
      registers,
    }),
    tlsReloads: new Counter({
      name: 'promptmetrics_receiver_tls_reloads_total',
      help: 'Times that changed certificate files were read, by outcome',
      labelNames: ['transport', 'outcome'],
      registers,
    }),
  };
}
