import type { Signal } from '../../src/component.js';
import type { GatewayError } from '../../src/errors.js';

/** The door a request came in by. `api` is OTLP/HTTP on the API's port, `native` the native API's telemetry there. */
export type Transport = 'http' | 'grpc' | 'api' | 'native';

/**
 * What became of a request:
 * - accepted: everything in it is durable (also: there was nothing in it);
 * - partial: some items were invalid and are named in the partial success, the rest is durable;
 * - refused: not taken, the sender may try again (overload, full buffer, shutting down);
 * - invalid: the sender's fault, and final;
 * - failed: our fault, and final;
 * - aborted: the sender went away before its request was whole.
 */
export type Outcome = 'accepted' | 'partial' | 'refused' | 'invalid' | 'failed' | 'aborted';

export interface RequestEvent {
  transport: Transport;
  /** undefined when the request never said: an unknown path, bytes that are no request. */
  signal: Signal | undefined;
  outcome: Outcome;
  /** Items (spans, log records, data points) that are durable now. */
  accepted: number;
  /** Invalid items of a request that was taken otherwise. */
  rejected: number;
  /** Valid items that were turned away because the request was refused or failed after it had been checked. */
  refused: number;
  /** Bytes of body that were read, as they were on the wire. */
  bytes: number;
  durationMs: number;
  /** What the sender was told, when it was told an error. */
  error: GatewayError | undefined;
  /** The partial success's message, '' when there was none. */
  message: string;
}

/** A client that speaks the wrong protocol to a port: the commonest mistake of all is 4317 for 4318. */
export interface WrongProtocolEvent {
  transport: Transport;
  peer: string;
  spoken: 'http/1.1' | 'http/2' | 'tls' | 'plaintext';
  hint: string;
}

export interface ReceiverEvents {
  /** Once per request, when its fate is known. */
  request(event: RequestEvent): void;
  /** Once per peer address. */
  wrongProtocol(event: WrongProtocolEvent): void;
  tlsReloaded(event: { transport: Transport }): void;
  /** The material that was read last stays in use. Once per distinct failure. */
  tlsReloadFailed(event: { transport: Transport; error: GatewayError }): void;
}

export const nopReceiverEvents: ReceiverEvents = {
  request() {},
  wrongProtocol() {},
  tlsReloaded() {},
  tlsReloadFailed() {},
};
