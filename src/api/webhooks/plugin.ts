/** GitHub tells that something was pushed: the index is compared with the content store at once. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Registry } from '../../registry/registry.js';
import { errorSchema } from '../errors.js';
import { mediaType } from '../native-body.js';
import type { ApiPlugin } from '../plugin.js';
import { pushBody, webhookErrorSchema, webhookSchema } from './schema.js';
import { isSigned } from './signature.js';

export interface WebhooksOptions {
  registry: Pick<Registry, 'refresh'>;
  /** Without it, nobody is believed. */
  secret: string | undefined;
}

/** A push lists up to 2,048 commits, each with some kilobytes; what is larger is found by the next poll. */
const MAX_BODY_BYTES = 5 * 2 ** 20;

const EXAMPLE = { ref: 'refs/heads/main', repository: { full_name: 'acme/prompts' } };

/** In the shape that clients of this endpoint know. */
function refuse(reply: FastifyReply, status: 401 | 500, error: string): FastifyReply {
  return reply.code(status).send({ error });
}

function headerOf({ headers }: FastifyRequest, name: string): string | undefined {
  const header = headers[name];
  return typeof header === 'string' && header !== '' ? header : undefined;
}

export const webhooksPlugin: ApiPlugin<WebhooksOptions> = async (app, { registry, secret }) => {
  // The signature is of the bytes: nothing reads them before.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));

  app.route({
    method: 'POST',
    url: '/webhooks/github',
    bodyLimit: MAX_BODY_BYTES,
    config: { public: true, bodyAsSent: true, example: EXAMPLE },
    schema: {
      tags: ['prompts'],
      summary: 'For GitHub: a push has prompts fetched at once. Signed with GITHUB_WEBHOOK_SECRET',
      body: pushBody,
      response: { 200: webhookSchema, 401: webhookErrorSchema, 413: errorSchema, 500: webhookErrorSchema },
    },
    // The schema is for the document.
    validatorCompiler: () => (value: unknown) => ({ value }),
    // Before a byte of the body is read: everybody may call this.
    onRequest: async (request, reply) => {
      if (secret === undefined) return refuse(reply, 500, 'Webhook secret not configured');
      if (headerOf(request, 'x-hub-signature-256') === undefined) return refuse(reply, 401, 'Missing signature');
    },
    handler: async (request, reply) => {
      const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
      const json = mediaType(request) === 'application/json';
      if (!json || !isSigned(body, secret!, headerOf(request, 'x-hub-signature-256')!)) {
        return refuse(reply, 401, 'Invalid signature');
      }
      const event = headerOf(request, 'x-github-event');
      if (event !== 'push') return reply.send({ message: 'Event ignored', event });
      registry.refresh();
      return reply.send({ message: 'Sync triggered' });
    },
  });
};
