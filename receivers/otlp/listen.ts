import { chmod, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { GatewayError } from '../../src/errors.js';

export interface ListenTarget {
  host: string;
  port: number;
  /** In place of host and port. */
  socketPath?: string | undefined;
  /** The setting that names the port, for messages. */
  setting: string;
}

/** Where a receiver can be reached. */
export interface ListenAddress {
  protocol: 'http' | 'https' | 'grpc' | 'grpcs';
  /** With `port` undefined: the path of a Unix socket. */
  host: string;
  port: number | undefined;
}

// Group members may connect, others may not: a socket file has no other guard.
const SOCKET_MODE = 0o660;

function isServed(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socketPath);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}

/** A process that was killed leaves its socket file behind, and nobody can bind over it. */
async function removeStale(socketPath: string): Promise<void> {
  if (await isServed(socketPath)) return;
  await unlink(socketPath).catch(() => {});
}

function explain(error: NodeJS.ErrnoException, { host, port, socketPath, setting }: ListenTarget): GatewayError {
  const place = socketPath ?? `${host}:${port}`;
  if (error.code === 'EADDRINUSE') {
    return new GatewayError('ADDRESS_IN_USE', `${place} is already in use: set ${setting} to another one`);
  }
  return new GatewayError('CONFIG_INVALID', `Can't listen on ${place} (${setting}, HOST): ${error.message}`);
}

/** Resolves with the port that was bound (undefined for a Unix socket). Throws ADDRESS_IN_USE or CONFIG_INVALID. */
export async function listen(server: Server, target: ListenTarget): Promise<number | undefined> {
  const { host, port, socketPath } = target;
  if (socketPath !== undefined) await removeStale(socketPath);
  await new Promise<void>((resolve, reject) => {
    const onError = (error: Error) => reject(explain(error, target));
    server.once('error', onError);
    const onListening = () => {
      server.off('error', onError);
      resolve();
    };
    if (socketPath === undefined) server.listen(port, host, onListening);
    else server.listen(socketPath, onListening);
  });
  if (socketPath !== undefined) await chmod(socketPath, SOCKET_MODE);
  const address = server.address();
  return typeof address === 'object' ? address?.port : undefined;
}
