import { hash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** Above this, hashing costs the event loop more than the repeated download costs the client. */
const MAX_HASHED_CHARACTERS = 1 << 20;

/** 132 bits of SHA-256, which processors compute faster than older hashes. */
const TAG_CHARACTERS = 22;

/** Weak: the same content may come gzipped by a proxy. */
export function etagOf(body: string): string {
  return `W/"${body.length.toString(16)}-${hash('sha256', body, 'base64url').slice(0, TAG_CHARACTERS)}"`;
}

/** RFC 9110 §13.1.2: a list of tags or `*`, compared weakly. */
export function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  const opaque = (tag: string) => tag.trim().replace(/^W\//, '');
  return ifNoneMatch.trim() === '*' || ifNoneMatch.split(',').some((tag) => opaque(tag) === opaque(etag));
}

function taggable(request: FastifyRequest, reply: FastifyReply, payload: unknown): payload is string {
  return (
    reply.statusCode === 200 &&
    (request.method === 'GET' || request.method === 'HEAD') &&
    typeof payload === 'string' &&
    payload.length <= MAX_HASHED_CHARACTERS &&
    String(reply.getHeader('content-type')).startsWith('application/json')
  );
}

/** Runs on the finished text, before Fastify takes the body away from a HEAD. Streams carry no tag. */
export function registerEtag(app: FastifyInstance): void {
  app.addHook('onSend', (request, reply, payload, done) => {
    if (!taggable(request, reply, payload)) return done(null, payload);
    // An answer may bring its own, which costs less than reckoning it anew.
    const etag = (reply.getHeader('etag') as string | undefined) ?? etagOf(payload);
    reply.header('etag', etag);
    if (!matches(request.headers['if-none-match'], etag)) return done(null, payload);
    reply.code(304).removeHeader('content-type').removeHeader('content-length');
    done(null, null);
  });
}
