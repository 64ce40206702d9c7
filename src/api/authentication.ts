/**
 * Who may do what: one hook above all groups. `X-Workspace-Id` is checked first, on public routes too (clients rely on
 * that order), then the key, then the scope that the route's config names. All before a byte of the body is read.
 */
import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify';
import { credentialsOf, originOf, requireScope } from '../access/credentials.js';
import { isLoopback } from '../access/loopback.js';
import type { Identify, Principal, Scope } from '../access/principal.js';
import { isForeignPage } from './foreign-page.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** undefined on public routes. */
    principal: Principal | undefined;
    /** The address that the request can be trusted to come from, '' for unknown. */
    peer: string;
    /** The principal's: what the request reads and writes. Throws on public routes, which have none. */
    readonly workspace: string;
  }
  interface FastifyContextConfig {
    /** Answered without credentials. */
    public?: boolean;
    /** What a key must be allowed to; `any`: every valid key. */
    scope?: Scope | 'any';
    /** Whether a request is one that the OTLP doors take as well: its key is then asked for as they do. */
    likeOtlp?: (request: FastifyRequest) => boolean;
  }
  interface FastifyInstance {
    /** Every route and what it asks for. */
    readonly guardedRoutes: readonly GuardedRoute[];
  }
}

export interface GuardedRoute {
  method: string;
  url: string;
  /** undefined: public. */
  scope: Scope | 'any' | undefined;
}

/** Fastify has walked the chain of proxies already when TRUSTED_PROXIES names the one that connected. */
function peerOf(request: FastifyRequest, origins: readonly string[]): string {
  const { ip, headers, socket } = request;
  const peer = socket.remoteAddress ?? '';
  if (ip !== peer) return ip;
  return isLoopback(peer) && isForeignPage(headers, origins) ? '' : originOf(headers, peer);
}

/** For handlers of routes with a scope. */
export function principalOf(request: FastifyRequest): Principal {
  if (request.principal === undefined) throw new TypeError(`${request.url} has no principal: its route is public`);
  return request.principal;
}

/** A route that says neither which scope it needs nor that it is public would be open to every key: that never starts. */
function guardRoutes(app: FastifyInstance): void {
  const routes: RouteOptions[] = [];
  app.addHook('onRoute', (route) => void routes.push(route));
  const guarded = (): GuardedRoute[] =>
    routes.flatMap(({ method, url, config }) =>
      [method].flat().map((each) => ({ method: each, url, scope: config?.scope })),
    );
  app.decorate('guardedRoutes', { getter: guarded });
  app.addHook('onReady', async () => {
    const open = routes.filter(({ config }) => config?.public !== true && config?.scope === undefined);
    if (open.length === 0) return;
    throw new TypeError(`No scope, and not public: ${open.map(({ method, url }) => `${method} ${url}`).join(', ')}`);
  });
}

export interface AuthenticationOptions {
  identify: Identify;
  /** For requests that the OTLP doors take as well; as all others when it is absent. */
  identifyOtlp?: Identify | undefined;
  /** Whose pages may call the API from a browser on this machine as its user may. */
  origins: readonly string[];
  /** Where paths that lead nowhere are told more than that: everybody hears it. */
  notFound?: unknown;
}

export function registerAuthentication(
  app: FastifyInstance,
  { identify, identifyOtlp = identify, origins, notFound }: AuthenticationOptions,
): void {
  app.decorateRequest('principal', undefined);
  app.decorateRequest('peer', '');
  app.decorateRequest('workspace', {
    getter(this: FastifyRequest) {
      return principalOf(this).workspace;
    },
  });
  guardRoutes(app);
  // With a callback: a key that is in the cache costs no turn of the event loop.
  app.addHook('onRequest', (request, _reply, done) => {
    request.peer = peerOf(request, origins);
    const credentials = credentialsOf(request.headers, request.peer);
    const { config } = request.routeOptions;
    if (config.public === true || (notFound !== undefined && request.is404)) return done();
    const identified = config.likeOtlp?.(request) ? identifyOtlp(credentials) : identify(credentials);
    const admit = (principal: Principal) => {
      request.principal = principal;
      done();
    };
    if (identified instanceof Promise) identified.then(admit, done);
    else admit(identified);
  });
}

/** After the rate limit: what a key may not do is counted as anything else it asks for. */
export function registerScopes(app: FastifyInstance): void {
  app.addHook('onRequest', (request, _reply, done) => {
    const { scope } = request.routeOptions.config;
    if (scope !== undefined && scope !== 'any') requireScope(principalOf(request), scope);
    done();
  });
}
