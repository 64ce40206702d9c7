/** Where is my trace? What became of a request that was taken, by the id of its batch. */
import { GatewayError } from '../../errors.js';
import { errorSchema, JSON_TYPE } from '../errors.js';
import type { ApiPlugin } from '../plugin.js';
import { destinationsOf, statusOf } from './destinations.js';
import { batchParameters, batchSchema } from './schema.js';
import type { Batches, BatchTold } from './source.js';

function notFound(batches: Batches, id: string): GatewayError {
  const maker = batches.makerOf(id);
  if (maker === undefined || maker === batches.gateway()) return new GatewayError('NOT_FOUND', 'Batch not found');
  const message = `Batch not found: the gateway that took it is ${maker}, and this one is ${batches.gateway()}`;
  return new GatewayError('NOT_FOUND', message);
}

function found(batches: Batches, workspace: string, id: string): BatchTold {
  const told = batches.find(workspace, id);
  if (told === undefined) throw notFound(batches, id);
  return told;
}

export const ingestPlugin: ApiPlugin<{ batches: Batches }> = async (app, { batches }) => {
  app.route({
    method: 'GET',
    url: '/v1/ingest/batches/:id',
    config: { scope: 'read' },
    schema: {
      tags: ['ingest'],
      summary: 'What became of a request that was taken: stored, sent to whom, or set aside or dropped and why',
      description:
        '404 for an id that this gateway has not given out to this workspace: the message names the gateway that has, where ' +
        'the id tells it. Nothing is kept for any request, so an id can be asked for at any time; what is too long ago is unknown.',
      params: batchParameters,
      response: { 200: batchSchema, '4xx': errorSchema, '5xx': errorSchema },
    },
    handler: async ({ workspace, params: { id } }, reply) => {
      const told = found(batches, workspace, id);
      const destinations = destinationsOf({ told, exporters: batches.exporters() });
      const received_at = Math.floor(told.receivedTimeUnixMs / 1000);
      const status = statusOf(destinations);
      return reply.type(JSON_TYPE).send({ id, signal: told.signal, received_at, status, destinations });
    },
  });
};
