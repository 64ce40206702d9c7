/** Stands between a program and a server that it is connected to, and can come between them. */
import { connect, createServer, type Socket } from 'node:net';

export interface ServerProxy {
  readonly port: number;
  /** Ends all connections, and takes none. */
  cut(): void;
  restore(): void;
  close(): Promise<void>;
}

export interface ProxyOptions {
  /** What becomes of the bytes that one connection's server sends, in their order. */
  filter?: () => (chunk: Buffer) => Buffer;
}

export async function startProxy(
  target: string,
  { filter = () => (chunk) => chunk }: ProxyOptions = {},
): Promise<ServerProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let isCut = false;
  const server = createServer((near) => {
    if (isCut) return void near.destroy();
    const far = connect(Number(port), hostname);
    const pass = filter();
    near.pipe(far);
    far.on('data', (chunk: Buffer) => near.write(pass(chunk)));
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket.setNoDelay());
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  });
  const cut = () => {
    isCut = true;
    for (const socket of sockets) socket.destroy();
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as { port: number }).port,
    cut,
    restore() {
      isCut = false;
    },
    close() {
      cut();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** `NotificationResponse`, https://www.postgresql.org/docs/current/protocol-message-formats.html */
const NOTIFICATION = 'A'.charCodeAt(0);

/**
 * Postgres's answers without notifications: as behind a pooler that lends a connection for a transaction, where LISTEN
 * succeeds and nothing is ever heard.
 */
export function withoutNotifications(): (chunk: Buffer) => Buffer {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    const passed: Buffer[] = [];
    // One byte that says which message it is, and four with the length of the others and their own.
    while (rest.length >= 5) {
      const end = 1 + rest.readInt32BE(1);
      if (rest.length < end) break;
      if (rest[0] !== NOTIFICATION) passed.push(rest.subarray(0, end));
      rest = rest.subarray(end);
    }
    return Buffer.concat(passed);
  };
}
