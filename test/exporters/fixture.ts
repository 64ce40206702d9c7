/** An exporter on a buffer of its own, whose backend and whose happenings a test can see. */
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import type { Chooser } from '../../exporters/chooser.js';
import { type QueueConfig, queueSettings } from '../../exporters/config.js';
import type { ExporterEvents } from '../../exporters/events.js';
import { createExporter, type Exporter, type ExporterOptions } from '../../exporters/exporter.js';
import type { RefusedLetter } from '../../exporters/letters.js';
import type { Destination } from '../../exporters/otlp/destination.js';
import { createGrpcTransport } from '../../exporters/otlp/grpc.js';
import { createHttpTransport } from '../../exporters/otlp/http.js';
import { cutToSize } from '../../exporters/split.js';
import type { Transcode } from '../../exporters/transcoding.js';
import type { Transport } from '../../exporters/transport.js';
import { type FrameInput, SIGNALS, type Signal } from '../../src/component.js';
import transcodeTask from '../../workers/transcoder.js';
import { type TestBuffer, temporaryDirectory, testBuffer } from '../buffer/fixture.js';
import { type Received, spanIdsOf } from '../helpers/otlp-backend.js';
import { field, message, TRACE_ID } from '../otlp/wire.js';

export type Happening = {
  [Name in keyof ExporterEvents]: { name: Name } & Parameters<ExporterEvents[Name]>[0];
}[keyof ExporterEvents];

export function recordedEvents(): { events: ExporterEvents; happenings: Happening[] } {
  const happenings: Happening[] = [];
  const events = new Proxy({} as ExporterEvents, {
    get: (_, name) => (happening: object) => void happenings.push({ name, ...happening } as unknown as Happening),
  });
  return { events, happenings };
}

/** Fast, so that a test of many retries takes no time. */
export const FAST: Record<string, string> = { retryInitialMs: '2', retryMaxMs: '10', lingerMs: '0' };

export function queueOf(settings: Record<string, string> = {}): QueueConfig {
  return queueSettings.parse({ ...FAST, ...settings });
}

export function destinationTo(
  protocol: Destination['protocol'],
  url: string,
  rest: Partial<Destination> = {},
): Destination {
  return { protocol, url: new URL(url), headers: {}, compression: 'none', timeoutMs: 2000, tls: {}, ...rest };
}

export function httpTransports(address: string, rest: Partial<Destination> = {}): Record<Signal, Transport> {
  const made = SIGNALS.map((signal) => {
    const destination = destinationTo('http/protobuf', `http://${address}/v1/${signal}`, rest);
    return [signal, createHttpTransport({ destination, connections: 10, version: '1.2.3' })];
  });
  return Object.fromEntries(made) as Record<Signal, Transport>;
}

export function grpcTransports(address: string, rest: Partial<Destination> = {}): Record<Signal, Transport> {
  const transport = createGrpcTransport({
    destination: destinationTo('grpc', `http://${address}`, rest),
    version: '1.2.3',
  });
  return { traces: transport, logs: transport, metrics: transport };
}

export interface TestExporter {
  exporter: Exporter;
  buffer: TestBuffer;
  happenings: Happening[];
  letters: RefusedLetter[];
  directory: string;
}

export interface TestExporterOptions {
  transports: Partial<Record<Signal, Transport>>;
  chooser?: Chooser;
  queue?: Record<string, string>;
  bufferSettings?: Record<string, string>;
  directory?: string;
  toProtobuf?: Transcode;
  cut?: ExporterOptions['cut'];
  bury?: (letter: RefusedLetter) => Promise<void>;
  maxFrameBytes?: number;
}

/** What the gateway has a thread for. */
export const transcode: Transcode = async (signal, payload) =>
  transcodeTask({ operation: 'protobuf', argument: { signal, payload } });

/** Both started; a consumer `store` holds nothing up when it is drained. */
export async function startExporter(options: TestExporterOptions): Promise<TestExporter> {
  const directory = options.directory ?? (await temporaryDirectory());
  const settings = { maxBytes: '4MiB', ...options.bufferSettings };
  const buffer = testBuffer({
    directory,
    settings,
    ...(options.maxFrameBytes && { maxFrameBytes: options.maxFrameBytes }),
  });
  const { events, happenings } = recordedEvents();
  const letters: RefusedLetter[] = [];
  const exporter = createExporter({
    name: 'otlp',
    config: queueOf(options.queue),
    bufferMaxBytes: 4 * 2 ** 20,
    buffer,
    transports: options.transports,
    chooser: options.chooser,
    toProtobuf: options.toProtobuf ?? transcode,
    cut: options.cut ?? (async (task) => cutToSize(task)),
    bury: options.bury ?? (async (letter) => void letters.push(letter)),
    events,
  });
  await buffer.start();
  await exporter.start();
  onTestFinished(() => exporter.shutdown({ deadlineMs: 0 }));
  return { exporter, buffer, happenings, letters, directory };
}

export function spanId(number: number): string {
  return (number + 1).toString(16).padStart(16, '0');
}

/** A span of that number, and bytes that nobody knows the field of. */
export function spanOf(number: number, bytes = 0): Buffer {
  const id = Buffer.from(spanId(number), 'hex');
  return message(
    2,
    field(1, 2, TRACE_ID),
    field(2, 2, id),
    field(5, 2, Buffer.from(`span ${number}`)),
    field(900, 2, Buffer.alloc(bytes, 7)),
  );
}

export function frameWith(spans: Uint8Array[], rest: Partial<FrameInput> = {}): FrameInput {
  const payload = message(1, message(2, ...spans));
  return { signal: 'traces', encoding: 'protobuf', workspace: 'default', items: spans.length, payload, ...rest };
}

/** One frame for each number, with one span. */
export async function appendSpans(buffer: TestBuffer, numbers: readonly number[], bytes = 0): Promise<void> {
  await Promise.all(numbers.map((number) => buffer.append(frameWith([spanOf(number, bytes)]))));
}

export function idsOf(received: readonly Received[]): string[] {
  return received.flatMap(({ body }) => spanIdsOf(body));
}

const TRIES = 2000;

export async function until(reached: () => boolean, what = 'what was awaited'): Promise<void> {
  for (let tries = 0; !reached(); tries++) {
    if (tries === TRIES) throw new Error(`${what} did not come`);
    await sleep(5);
  }
}

export const delivered = ({ exporter }: TestExporter) =>
  until(() => exporter.state().lag.frames === 0, 'the end of the lag');
