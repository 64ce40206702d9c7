import type { Socket } from 'node:net';
import type { Appender, Authenticate, Component } from '../../src/component.js';
import type { ReceiverConfig } from './config.js';
import type { ReceiverEvents } from './events.js';
import type { InFlight } from './in-flight.js';
import type { ListenAddress } from './listen.js';

export interface ReceiverOptions {
  config: ReceiverConfig;
  next: Appender;
  /** Asked before a byte of a body is read. */
  authenticate: Authenticate;
  /** Shared by every door of the process. */
  inFlight: InFlight;
  events: ReceiverEvents;
}

export interface Receiver extends Component {
  /** Where it listens now: the ports that were bound, also for port 0. Empty before the start and after the end. */
  addresses(): ListenAddress[];
}

/** Who connects to a Unix socket is on this machine, and one of those whom the file lets in. */
const LOCAL_PEER = '127.0.0.1';

/** The address of the other end, '' when the connection is gone. */
export function peerOf(socket: Socket | undefined, socketPath: string | undefined): string {
  return socketPath === undefined ? (socket?.remoteAddress ?? '') : LOCAL_PEER;
}

const AGE_JITTER = 0.1;

/** When a connection that begins now should be closed, so that clients don't all come back at the same moment. */
export function connectionAgeMs(maxConnectionAgeMs: number): number {
  if (maxConnectionAgeMs === 0) return Number.POSITIVE_INFINITY;
  return maxConnectionAgeMs * (1 + AGE_JITTER * (2 * Math.random() - 1));
}
