/** The API's port, whatever is built to be served there. */
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Component } from '../component.js';
import { GatewayError } from '../errors.js';
import type { ApiConfig } from './config.js';

export interface Api extends Component {
  /** Where it listens; undefined before `start` and after `shutdown`. */
  address(): { host: string; port: number } | undefined;
}

function listenError(error: unknown, host: string, port: number): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'EADDRINUSE') return error;
  return new GatewayError('ADDRESS_IN_USE', `Port ${port} on ${host} is in use (PORT)`, { cause: error });
}

/** Waits for open requests; at the deadline their connections are cut. */
async function close(app: FastifyInstance, deadlineMs: number): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), deadlineMs);
  try {
    await app.close();
  } finally {
    clearTimeout(timer);
  }
}

export function createListener({ host, port }: ApiConfig, build: () => Promise<FastifyInstance>): Api {
  let app: FastifyInstance | undefined;
  return {
    name: 'api',
    address() {
      const address = app?.server.address() as AddressInfo | null | undefined;
      return address ? { host: address.address, port: address.port } : undefined;
    },
    async start() {
      app = await build();
      try {
        await app.listen({ host, port });
      } catch (error) {
        await app.close();
        app = undefined;
        throw listenError(error, host, port);
      }
    },
    async shutdown({ deadlineMs }) {
      const closing = app;
      app = undefined;
      if (closing) await close(closing, deadlineMs);
    },
  };
}
