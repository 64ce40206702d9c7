/** The place where a request gets its principal: one hook above all groups. Who may do what is the caller's to say. */
import type { FastifyInstance, FastifyRequest } from 'fastify';

export interface Principal {
  /** Who: an API key's id, or 'anyone'. */
  id: string;
  scopes: readonly string[];
}

export interface Credentials {
  apiKey: string | undefined;
  workspace: string;
}

/** Rejects with UNAUTHORIZED. */
export type Identify = (credentials: Credentials) => Promise<Principal>;

export const identifyAnyone: Identify = async () => ({ id: 'anyone', scopes: ['read', 'write', 'admin'] });

declare module 'fastify' {
  interface FastifyRequest {
    /** undefined on public routes. */
    principal: Principal | undefined;
  }
  interface FastifyContextConfig {
    /** Answered without credentials. */
    public?: boolean;
  }
}

function credentialsOf(request: FastifyRequest): Credentials {
  const header = request.headers['x-api-key'];
  return { apiKey: Array.isArray(header) ? header[0] : header, workspace: request.workspace };
}

export function registerAuthentication(app: FastifyInstance, identify: Identify): void {
  app.decorateRequest('principal', undefined);
  app.addHook('onRequest', async (request) => {
    if (request.routeOptions.config.public === true) return;
    request.principal = await identify(credentialsOf(request));
  });
}
