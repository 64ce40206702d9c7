/** What native requests say of traces and spans. */
import { z } from 'zod';
import { STATUS_NAMES } from '../../model/native-names.js';
import { MAX_BATCH_ITEMS } from '../native-body.js';
import { guidField, metadataField, spanIdField, textField, unixMillisField } from '../native-fields.js';

export const traceBody = z
  .object({
    trace_id: guidField('Made by the server when it is absent').optional(),
    prompt_name: textField(128).optional(),
    version_tag: textField(64).optional(),
    metadata: metadataField().optional(),
  })
  .meta({ id: 'NewTrace' });

export const TRACE_EXAMPLE = {
  trace_id: '7c9e6679-7425-40de-944b-e07fc1f90ae7',
  prompt_name: 'welcome',
  version_tag: '1.0.0',
  metadata: { user: 'u-17' },
};

const spanFields = {
  span_id: spanIdField('Made by the server when it is absent').optional(),
  parent_id: spanIdField('Of the parent, which may come later').optional(),
  name: textField(256),
  status: z.enum(STATUS_NAMES).default('unset'),
  start_time: unixMillisField('Start').optional(),
  end_time: unixMillisField('End').optional(),
  metadata: metadataField().optional(),
};

/** Of the trace that the path names. */
export const spanBody = z.object(spanFields).meta({ id: 'NewSpan' });

/** Of the trace that it names itself. */
export const tracedSpanBody = z
  .object({ trace_id: guidField('Of its trace, which may come later'), ...spanFields })
  .meta({ id: 'NewSpanOfTrace' });

export const spanBodies = z.union([spanBody, z.array(spanBody).min(1).max(MAX_BATCH_ITEMS)]);
export const tracedSpanBodies = z.union([tracedSpanBody, z.array(tracedSpanBody).min(1).max(MAX_BATCH_ITEMS)]);

export const SPAN_EXAMPLE = {
  span_id: '1b4e28ba-2fa1-41d2-883f-0016d3cca427',
  name: 'llm.call',
  status: 'running',
  start_time: 1_767_225_600_000,
  metadata: { model: 'gpt-4o-mini' },
};
/** Beneath the other: whoever tries both has two spans of one trace. */
export const TRACED_SPAN_EXAMPLE = {
  trace_id: TRACE_EXAMPLE.trace_id,
  span_id: '6fa459ea-ee8a-4ca4-894e-db77e160355e',
  parent_id: SPAN_EXAMPLE.span_id,
  name: 'tool.call',
  status: 'ok',
  start_time: 1_767_225_600_200,
  end_time: 1_767_225_600_300,
};

export const spanChanges = z.object({
  name: textField(256).optional(),
  status: z.enum(STATUS_NAMES).optional(),
  start_time: unixMillisField('Start').optional(),
  end_time: unixMillisField('End').optional(),
  metadata: metadataField().optional().meta({ description: 'In place of all that the span has' }),
});

export const CHANGES_EXAMPLE = { status: 'ok', end_time: 1_767_225_601_000 };

export const createdTraceSchema = z.object({
  trace_id: z.string(),
  prompt_name: z.string().nullable(),
  version_tag: z.string().nullable(),
  status: z.literal('created'),
});

const createdSpanSchema = z.object({
  trace_id: z.string(),
  span_id: z.string(),
  name: z.string(),
  status: z.enum(STATUS_NAMES),
});

export const createdSpansSchema = z
  .union([
    createdSpanSchema,
    z.object({
      items: z.array(createdSpanSchema),
      created: z.int(),
      duplicates: z
        .array(z.object({ trace_id: z.string(), span_id: z.string() }))
        .describe('What was there before, or twice in the request, and stays as it was'),
    }),
  ])
  .describe('Can be read; of an array or NDJSON, all of them');

export const updatedSpanSchema = z.union([
  z.object({ trace_id: z.string(), span_id: z.string(), status: z.literal('updated') }),
  z.object({ message: z.literal('No changes') }),
]);
