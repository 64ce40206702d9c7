import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Encoding, Signal } from '../../src/component.js';
import type { GatewayError } from '../../src/errors.js';
import type { BodyLimits } from './body.js';
import type { ReceiverEvents, Transport } from './events.js';
import type { InFlight, Lease } from './in-flight.js';
import { outcomeOf, type Verdict } from './ingest.js';
import { encodingOf, type ResponseHeaders, respond, respondError } from './respond.js';
import { encodeExportResponse } from './status.js';

export interface ExchangeOptions {
  transport: Transport;
  events: ReceiverEvents;
  inFlight: InFlight;
  maxBodyBytes: number;
  /** Whether the connection of a request should end with its answer. */
  closing?: (request: IncomingMessage) => boolean;
}

/** One HTTP request and its answer: what it holds while it lasts, and that it is counted once. */
export class Exchange implements BodyLimits {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly signal: Signal | undefined;
  readonly lease: Lease;
  readonly maxBodyBytes: number;
  /** The request's, undefined when its Content-Type is none of OTLP's. */
  readonly encoding: Encoding | undefined;
  bytes = 0;
  fail: ((error: GatewayError) => void) | undefined = undefined;
  begin: (() => void) | undefined = undefined;
  /** The connection can't be used any more once this is answered: its bytes made no sense, or came too slowly. */
  broken = false;
  readonly #options: ExchangeOptions;
  readonly #startedMs = performance.now();

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    signal: Signal | undefined,
    options: ExchangeOptions,
  ) {
    this.request = request;
    this.response = response;
    this.signal = signal;
    this.encoding = encodingOf(request.headers['content-type']);
    this.lease = options.inFlight.lease();
    this.maxBodyBytes = options.maxBodyBytes;
    this.#options = options;
  }

  /** Answers, gives the bytes in flight back, and reports. An answer to a request of unknown encoding is JSON. */
  answer(verdict: Verdict, headers?: ResponseHeaders): void {
    const { response, encoding = 'json' } = this;
    const { error, rejected, message, batchId } = verdict;
    if (this.#endsConnection()) response.setHeader('Connection', 'close');
    if (error !== undefined) respondError(response, encoding, error, headers);
    else respond(response, encoding, encodeExportResponse(this.signal!, encoding, rejected, message), batchId);
    this.lease.release();
    this.#report(verdict);
  }

  /**
   * Closing while the client still sends would reset the connection, and the answer might be lost with it: the rest of a
   * body is thrown away first. A client that still waits for `100 Continue` sends nothing, unless by mistake.
   */
  #endsConnection(): boolean {
    if (this.broken || this.begin !== undefined) return true;
    return this.request.complete && this.#options.closing?.(this.request) === true;
  }

  #report(verdict: Verdict): void {
    this.#options.events.request({
      transport: this.#options.transport,
      signal: this.signal,
      outcome: outcomeOf(verdict),
      accepted: verdict.accepted,
      rejected: verdict.rejected,
      refused: verdict.refused,
      bytes: this.bytes,
      durationMs: performance.now() - this.#startedMs,
      error: verdict.error,
      message: verdict.message,
    });
  }
}
