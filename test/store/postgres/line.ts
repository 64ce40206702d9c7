import { connect, createServer, type Socket } from 'node:net';

/** Stands between a client and a server, and can cut the line at a moment that a server never chooses. */
export interface Line {
  /** The connection string with the proxy in the server's place. */
  through(connectionString: string): string;
  /** Lets the client's next message with this text pass, and then drops the line before any answer comes back. */
  cutAfter(text: string): void;
  close(): Promise<void>;
}

export async function openLine(connectionString: string): Promise<Line> {
  const target = new URL(connectionString);
  const sockets = new Set<Socket>();
  let trigger: string | undefined;
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    let cut = false;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    }
    client.on('data', (data) => {
      upstream.write(data);
      if (trigger !== undefined && data.includes(trigger)) {
        trigger = undefined;
        cut = true;
      }
    });
    upstream.on('data', (data) => {
      // The server has done it, and says so to nobody.
      if (cut) client.destroy();
      else client.write(data);
    });
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    through(original) {
      const url = new URL(original);
      url.port = String(port);
      return url.href;
    },
    cutAfter(text) {
      trigger = text;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
