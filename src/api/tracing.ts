/** Spans of requests to the API, for whoever makes them. */
import type { FastifyInstance, FastifyRequest } from 'fastify';

export interface TracedRequest {
  method: string;
  /** The pattern: `/v1/traces/:trace_id`. */
  route: string;
  /** What was asked for, without its query. */
  path: string;
  headers: FastifyRequest['headers'];
}

export interface RequestSpan {
  /** What `run` begins belongs to the span. */
  within(run: () => void): void;
  end(status: number): void;
}

export interface RequestTracing {
  /** undefined for a request that is not traced. */
  begin(request: TracedRequest): RequestSpan | undefined;
}

/**
 * Of routes that ask for a key: probes are not worth it. What the OTLP doors take as well is left out, a span for each of
 * 100,000 requests a second would be more than they bring; those are counted, and each batch that is stored has its span.
 */
function isTraced({ is404, routeOptions: { config } }: FastifyRequest): boolean {
  return !is404 && config.public !== true && config.likeOtlp === undefined;
}

export function registerTracing(app: FastifyInstance, tracing: RequestTracing | undefined): void {
  if (!tracing) return;
  const spans = new WeakMap<FastifyRequest, RequestSpan>();
  app.addHook('onRequest', (request, _reply, done) => {
    const span = isTraced(request) ? tracing.begin(describe(request)) : undefined;
    if (span === undefined) return done();
    spans.set(request, span);
    span.within(done);
  });
  // Once more behind the body, whose end comes from the connection and knows of no request.
  app.addHook('preHandler', (request, _reply, done) => {
    const span = spans.get(request);
    if (span === undefined) done();
    else span.within(done);
  });
  app.addHook('onResponse', (request, reply, done) => {
    spans.get(request)?.end(reply.statusCode);
    done();
  });
}

function describe({ method, url, headers, routeOptions }: FastifyRequest): TracedRequest {
  return { method, route: routeOptions.url!, path: url.replace(/\?.*/s, ''), headers };
}
