/** A key's requests are counted once each, right after it is known whose they are, and every answer says what is left. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { GatewayError } from '../errors.js';
import type { Allowance } from '../limits/allowance.js';
import { bucketOf } from '../limits/bucket.js';

export interface RateLimit {
  /** Counts one request of this bucket, unless that would be one too many. Never rejects. */
  charge(bucket: string): Allowance | Promise<Allowance>;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether a request is one of those that a key has so many of; without it, every request is. */
    counted?: (request: FastifyRequest) => boolean;
  }
}

/** `RateLimit-Reset` is a time in seconds since the epoch, as clients of this API know it. */
function tell(reply: FastifyReply, { limit, remaining, resetAfterMs }: Allowance): void {
  reply.header('ratelimit-limit', limit);
  reply.header('ratelimit-remaining', remaining);
  reply.header('ratelimit-reset', Math.ceil((Date.now() + resetAfterMs) / 1000));
}

/** Public routes have no principal, and no limit; nor have callers of this machine that need no key. */
function bucketOfRequest(request: FastifyRequest): string | undefined {
  const { principal } = request;
  const { counted } = request.routeOptions.config;
  if (principal === undefined || counted?.(request) === false) return undefined;
  return bucketOf(principal, request.peer);
}

/** Registered right after authentication, before anything reads the body. Nothing is limited without a limit. */
export function registerRateLimit(app: FastifyInstance, limit: RateLimit | undefined): void {
  if (limit === undefined) return;
  app.addHook('onRequest', (request, reply, done) => {
    const settle = (allowance: Allowance) => {
      tell(reply, allowance);
      const { allowed, retryAfterMs } = allowance;
      done(allowed ? undefined : new GatewayError('RATE_LIMIT_EXCEEDED', 'Rate limit exceeded', { retryAfterMs }));
    };
    const bucket = bucketOfRequest(request);
    if (bucket === undefined) return done();
    // In memory the answer is at hand; waiting for it all the same would cost every request a turn.
    const charged = limit.charge(bucket);
    if (charged instanceof Promise) charged.then(settle, done);
    else settle(charged);
  });
}
