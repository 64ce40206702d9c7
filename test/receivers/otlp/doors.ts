/** Receivers on free ports, closed after each test, and the clients that knock at them. */
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { onTestFinished } from 'vitest';
import { type ReceiverConfig, receiverSettings } from '../../../receivers/otlp/config.js';
import type { ReceiverEvents, RequestEvent, WrongProtocolEvent } from '../../../receivers/otlp/events.js';
import { createHttpReceiver } from '../../../receivers/otlp/http.js';
import { InFlight } from '../../../receivers/otlp/in-flight.js';
import type { Receiver, ReceiverOptions } from '../../../receivers/otlp/receiver.js';
import type { GatewayError } from '../../../src/errors.js';
import { createSinkAppender } from '../../helpers/appenders.js';

export interface RecordedEvents extends ReceiverEvents {
  readonly requests: RequestEvent[];
  readonly hints: WrongProtocolEvent[];
  readonly reloads: string[];
  readonly reloadFailures: GatewayError[];
  /** Resolves when that many requests were reported. */
  reported(requests: number): Promise<void>;
}

export function recordEvents(): RecordedEvents {
  const requests: RequestEvent[] = [];
  const hints: WrongProtocolEvent[] = [];
  const reloads: string[] = [];
  const reloadFailures: GatewayError[] = [];
  return {
    requests,
    hints,
    reloads,
    reloadFailures,
    request: (event) => void requests.push(event),
    wrongProtocol: (event) => void hints.push(event),
    tlsReloaded: ({ transport }) => void reloads.push(transport),
    tlsReloadFailed: ({ error }) => void reloadFailures.push(error),
    reported: (count) => until(() => requests.length >= count),
  };
}

/** Resolves when the condition holds; the test's own time-out ends what never does. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

export interface Door {
  receiver: Receiver;
  port: number;
  events: RecordedEvents;
  inFlight: InFlight;
}

export type DoorOptions = Partial<Omit<ReceiverOptions, 'config' | 'events'>> & { config?: Partial<ReceiverConfig> };

export function configOf(overrides: Partial<ReceiverConfig> = {}): ReceiverConfig {
  return { ...receiverSettings.parse({ httpPort: '0', grpcPort: '0' }), ...overrides };
}

export async function openDoor(create: (options: ReceiverOptions) => Receiver, options: DoorOptions): Promise<Door> {
  const { config, next = createSinkAppender(), authenticate = () => 'lab' } = options;
  const parsed = configOf(config);
  const { inFlight = new InFlight(parsed.maxInFlightBytes) } = options;
  const events = recordEvents();
  const receiver = create({ config: parsed, next, authenticate, inFlight, events });
  onTestFinished(() => receiver.shutdown({ deadlineMs: 0 }));
  await receiver.start();
  return { receiver, port: receiver.addresses()[0]!.port ?? 0, events, inFlight };
}

export function openHttp(options: DoorOptions = {}): Promise<Door> {
  return openDoor(createHttpReceiver, options);
}

export interface Sent {
  method?: string;
  path?: string;
  headers?: Record<string, string | number>;
  body?: Buffer | string;
  /** Without Content-Length. */
  chunked?: boolean;
  agent?: http.Agent;
  tls?: https.RequestOptions;
  socketPath?: string;
}

export interface Received {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: Buffer;
}

function collect(response: http.IncomingMessage): Promise<Received> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('error', reject);
    response.on('end', () =>
      resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) }),
    );
  });
}

export function send(port: number, { body = '', chunked, tls, headers, ...rest }: Sent = {}): Promise<Received> {
  const framing = chunked ? {} : { 'Content-Length': Buffer.byteLength(body) };
  const options = {
    host: '127.0.0.1',
    port,
    method: 'POST',
    path: '/v1/traces',
    agent: false as const,
    ...rest,
    ...tls,
    headers: { ...framing, ...headers },
  };
  return new Promise((resolve, reject) => {
    const request = tls ? https.request(options) : http.request(options);
    request.on('response', (response) => resolve(collect(response)));
    request.on('error', reject);
    request.end(body);
  });
}

export const PROTOBUF = { 'Content-Type': 'application/x-protobuf' };
export const JSON_TYPE = { 'Content-Type': 'application/json' };

/** A bare connection: what it received so far, and what it sends. */
export interface Wire {
  socket: net.Socket;
  text(): string;
  bytes(): Buffer;
  /** Resolves when the text holds this. */
  receives(part: string): Promise<void>;
  closed: Promise<void>;
}

export async function connect(port: number): Promise<Wire> {
  const socket = net.connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', () => {});
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await new Promise((resolve) => socket.once('connect', resolve));
  const bytes = () => Buffer.concat(chunks);
  const text = () => bytes().toString('latin1');
  return { socket, text, bytes, receives: (part) => until(() => text().includes(part)), closed };
}
