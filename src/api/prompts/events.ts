import { Readable } from 'node:stream';
import { z } from 'zod';
import { GatewayError } from '../../errors.js';
import type { Registry } from '../../registry/registry.js';
import type { Resolved } from '../../registry/resolved.js';
import type { Watch } from '../../registry/watchers.js';
import { errorSchema } from '../errors.js';
import type { ApiPlugin } from '../plugin.js';
import { PromptAnswers } from './answer.js';
import {
  type promptEventSchema,
  promptEventsHeaders,
  promptEventsParameters,
  promptEventsQuery,
} from './events-schema.js';

type PromptEvent = z.infer<typeof promptEventSchema>;

const errors = { '4xx': errorSchema, '5xx': errorSchema };

/** What a client waits for before it opens the stream again (WHATWG HTML §9.2.5). */
const RETRY_MS = 1_000;
/** The id of an event that says that nothing is there. */
const REMOVED = 'removed';
const HEARTBEAT = ': still here\n\n';

/** A stream's state as its client knows it: the same wherever, and whenever, it is asked for. */
function idOf({ etag }: PromptEvent): string {
  return etag?.replace(/^W\/|"/g, '').replaceAll('"', '') ?? REMOVED;
}

function write(event: PromptEvent): string {
  const type = event.id === null ? 'removed' : 'resolved';
  return `event: ${type}\nid: ${idOf(event)}\ndata: ${JSON.stringify(event)}\n\n`;
}

interface Stream {
  watch: Watch;
  heartbeatMs: number;
  maxStreamMs: number;
  /** The id of the event that the client has seen last. */
  seen: string | undefined;
  /** undefined: it can't be found out now. */
  look(): Promise<PromptEvent | undefined>;
}

/**
 * Whoever reads slowly gets fewer events, never older ones: what stands there now is looked up when there is room for it.
 */
async function* eventsOf({ watch, heartbeatMs, maxStreamMs, seen, look }: Stream): AsyncGenerator<string> {
  const endMs = performance.now() + maxStreamMs;
  let last = seen;
  let quietSinceMs = performance.now();
  yield `retry: ${RETRY_MS}\n\n`;
  for (let told = 'changed'; told !== 'closed'; ) {
    const event = told === 'changed' ? await look() : undefined;
    const now = performance.now();
    if (now >= endMs) return;
    if (event && idOf(event) !== last) {
      last = idOf(event);
      quietSinceMs = now;
      yield write(event);
    } else if (now - quietSinceMs >= heartbeatMs) {
      quietSinceMs = now;
      yield HEARTBEAT;
    }
    told = await watch.next(Math.min(quietSinceMs + heartbeatMs, endMs) - performance.now());
  }
}

function isCode(error: unknown, code: GatewayError['code']): boolean {
  return error instanceof GatewayError && error.code === code;
}

export const promptEventsPlugin: ApiPlugin<{ registry: Registry }> = async (app, { registry }) => {
  const answers = new PromptAnswers(registry);

  const eventOf = (name: string, label: string | undefined, resolved: Resolved): PromptEvent => {
    const { id, version } = resolved.version;
    return { name, label: label ?? null, id, version, etag: answers.plainTag(resolved) };
  };
  const removed = (name: string, label: string | undefined): PromptEvent => {
    return { name, label: label ?? null, id: null, version: null, etag: null };
  };

  // Streams would hold up the closing of the port, and have nothing more to tell.
  app.addHook('preClose', async () => registry.stopWatching());

  app.route({
    method: 'GET',
    url: '/v1/prompts/:name/events',
    // Who asks for the head alone would be sent a stream that nobody reads.
    exposeHeadRoute: false,
    config: { scope: 'read' },
    schema: {
      tags: ['prompts'],
      summary: 'What a prompt or its label stands for, now and at each change (server-sent events)',
      description:
        'An event `resolved` at once, unless Last-Event-ID says that it is known, and one for each change; `removed` when ' +
        'there is nothing any more. Changes that follow each other faster than they are read are told as the last of them.',
      params: promptEventsParameters,
      querystring: promptEventsQuery,
      headers: promptEventsHeaders,
      produces: ['text/event-stream'],
      response: { 200: z.string().describe('Events, their data as in `PromptEvent`'), ...errors },
    },
    handler: async (request, reply) => {
      const { workspace, query, headers } = request;
      const { name } = request.params;
      const selector = query.label === undefined ? undefined : { label: query.label };
      const resolve = async () =>
        registry.compose(workspace, await registry.resolve(workspace, name, selector, query.unit));
      // What is not there is a 404, and no stream.
      await resolve();
      const look = async () => {
        try {
          return eventOf(name, query.label, await resolve());
        } catch (error) {
          return isCode(error, 'NOT_FOUND') ? removed(name, query.label) : undefined;
        }
      };
      const watch = registry.watch(workspace, name);
      reply.raw.once('close', () => watch.close());
      if (reply.raw.destroyed) watch.close();
      reply.type('text/event-stream').header('cache-control', 'no-store').header('x-accel-buffering', 'no');
      // Nothing else is asked for on it: it ends with the stream, whose client may have stopped reading.
      reply.header('connection', 'close');
      const stream = { watch, ...registry.watching, seen: headers['last-event-id'], look };
      return reply.send(Readable.from(eventsOf(stream), { objectMode: false }));
    },
  });
};
