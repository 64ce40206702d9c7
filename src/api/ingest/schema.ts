import { z } from 'zod';
import { SIGNALS } from '../../component.js';

export const batchParameters = z.object({
  id: z
    .string()
    .max(100)
    .meta({
      description:
        'The `x-batch-id` that the request was answered with: a header over HTTP, trailing metadata over gRPC',
      examples: ['0a1b2c3d-52-tsz9k1a-3QpXk2b1v0Zc'],
    }),
});

const DESTINATION_STATES = [
  'waiting',
  'in_flight',
  'stored',
  'sent',
  'not_sent',
  'dead_lettered',
  'partly_refused',
  'dropped',
  'unreadable',
  'unknown',
] as const;

const destinationSchema = z.object({
  name: z.string().describe('store, or the name of an exporter, as in /metrics and in the dead letters'),
  kind: z.enum(['store', 'exporter']),
  state: z
    .enum(DESTINATION_STATES)
    .describe(
      'waiting: in the buffer; in_flight: being stored or sent, or about to be tried again; not_sent: the exporter takes ' +
        'no such signal; dead_lettered: refused for good; partly_refused: the backend took what was sent at once but for some ' +
        'items, which may be those of another request; dropped: given up, because the exporter lagged too far; ' +
        'unreadable: nothing could be made of it; unknown: too long ago, or from before this destination was there',
    ),
  reason: z.string().nullable().describe('Why it is not there, or what keeps it waiting'),
  at: z.int().nullable().describe('Unix seconds: of that reason'),
  dead_letter_id: z
    .string()
    .nullable()
    .describe('For /v1/dead-letters/{id}, while it is there; its replay makes this destination waiting or sent again'),
});

export const batchSchema = z
  .object({
    id: z.string().describe('As it was asked for'),
    signal: z.enum(SIGNALS),
    received_at: z.int().describe('Unix seconds'),
    status: z
      .enum(['pending', 'complete', 'incomplete'])
      .describe(
        'pending: at least one destination has it before itself; complete: all have what is meant for them; ' +
          'incomplete: at least one has it not and will not get it by itself, or that is unknown',
      ),
    destinations: z.array(destinationSchema).describe('The store, and each exporter that is configured now'),
  })
  .meta({
    id: 'Batch',
    examples: [
      {
        id: '0a1b2c3d-52-tsz9k1a-3QpXk2b1v0Zc',
        signal: 'traces',
        received_at: 1_760_000_000,
        status: 'pending',
        destinations: [
          { name: 'store', kind: 'store', state: 'stored', reason: null, at: null, dead_letter_id: null },
          {
            name: 'tempo',
            kind: 'exporter',
            state: 'in_flight',
            reason: 'HTTP 503',
            at: 1_760_000_002,
            dead_letter_id: null,
          },
        ],
      },
    ],
  });

export type Destination = z.infer<typeof destinationSchema>;
