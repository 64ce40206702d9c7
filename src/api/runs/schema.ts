import { z } from 'zod';
import { RUN_SORTS, RUN_STATUSES } from '../../store/control/runs.js';
import { traceIdParameter } from '../ids.js';
import { guidField, MAX_METADATA_KEYS, metadataField, objectField, textField } from '../native-fields.js';
import { pageSchema, pagingParameters } from '../paging.js';
import { sortParameter } from '../sorting.js';
import { timeParameter } from '../time.js';

const MAX_WORKFLOW_NAME_CHARACTERS = 128;
const MAX_METADATA_CHARACTERS = 1024;
const METADATA_KEY = /^[a-zA-Z0-9_.-]{1,128}$/;
const METADATA_TYPES: readonly string[] = ['string', 'number', 'boolean'];

function keyFault(key: string): string | undefined {
  return METADATA_KEY.test(key) ? undefined : 'is not allowed: a key is 1-128 letters, digits, ".", "_" and "-"';
}

function valueFault(value: unknown): string | undefined {
  if (!METADATA_TYPES.includes(typeof value)) return `must be one of [${METADATA_TYPES.join(', ')}]`;
  if (typeof value !== 'string' || value.length <= MAX_METADATA_CHARACTERS) return undefined;
  return `length must be less than or equal to ${MAX_METADATA_CHARACTERS} characters long`;
}

/** Flat, unlike that of traces and spans. */
function runMetadataField() {
  return metadataField()
    .superRefine((metadata: unknown, context) => {
      if (typeof metadata !== 'object' || metadata === null) return;
      // Too many are refused as a whole: a body has room for a million keys, and a fault of each would take seconds to tell.
      if (Object.keys(metadata).length > MAX_METADATA_KEYS) return;
      for (const [key, value] of Object.entries(metadata)) {
        const message = keyFault(key) ?? valueFault(value);
        if (message !== undefined) context.addIssue({ code: 'custom', message, path: [key] });
      }
    })
    .meta({ type: 'object', maxProperties: MAX_METADATA_KEYS, description: 'Strings, numbers and booleans' });
}

const status = z.enum(RUN_STATUSES);

export const createRunBody = z.object({
  run_id: guidField('Made by the server when absent').optional(),
  workflow_name: textField(MAX_WORKFLOW_NAME_CHARACTERS),
  status: status.default('running'),
  input: objectField().optional(),
  output: objectField().optional(),
  trace_id: guidField('A trace that is there').optional(),
  metadata: runMetadataField().optional(),
});

export const RUN_EXAMPLE = {
  workflow_name: 'answer-ticket',
  input: { ticket: 4711 },
  metadata: { region: 'eu' },
};

export const updateRunBody = z.object({
  status: status.optional(),
  output: objectField().optional(),
  metadata: runMetadataField().optional().meta({ description: 'Replaced as a whole' }),
});

export const RUN_UPDATE_EXAMPLE = { status: 'completed', output: { answer: 'Have you tried turning it off?' } };

/** What is no GUID is the id of no run. */
export const runParameters = z.object({
  run_id: z.string().meta({ description: 'In any spelling of the GUID' }),
});

export const runFilters = z.object({
  status: status.optional(),
  workflow_name: z.string().min(1).optional(),
  trace_id: traceIdParameter().optional(),
  from: timeParameter('Not made before').optional(),
  to: timeParameter('Made before').optional(),
});

export const listRunsQuery = z.object({
  ...pagingParameters,
  ...runFilters.shape,
  sort: sortParameter(RUN_SORTS, '-created_at'),
});

const seconds = z.int().describe('Unix seconds');

export const runSchema = z
  .object({
    run_id: z.string().describe('As it was sent'),
    workflow_name: z.string(),
    status,
    input: z.record(z.string(), z.unknown()).nullable(),
    output: z.record(z.string(), z.unknown()).nullable(),
    trace_id: z.string().nullable().describe('As it was sent; null when the trace was deleted'),
    metadata: z.record(z.string(), z.unknown()),
    created_at: seconds,
    updated_at: seconds,
  })
  .meta({ id: 'Run' });

export const runPageSchema = pageSchema(runSchema);

export const createdRunSchema = z
  .object({ run_id: z.string(), workflow_name: z.string(), status })
  .meta({ id: 'CreatedRun' });

export const updatedRunSchema = z
  .union([
    z.object({ run_id: z.string(), status: z.literal('updated') }),
    z.object({ message: z.literal('No changes') }),
  ])
  .describe('No changes: the body named none');
