import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import type { AccessStore } from '../../access/keys.js';
import { hexOfId, parseTraceId } from '../../model/native-ids.js';
import type { NewRun, Run, RunChanges, RunFilters, WrittenId } from '../../store/control/runs.js';
import type { TelemetryReader } from '../../store/telemetry/telemetry.js';
import { errorSchema, JSON_TYPE } from '../errors.js';
import { idempotencyHeaders } from '../idempotency.js';
import { bytesOf, readOne, registerNativeBodies } from '../native-body.js';
import { nativeRequest, sendAnswer } from '../native-request.js';
import { countPageSchema, readPaging, renderCount, renderPage, requireFound } from '../paging.js';
import type { ApiPlugin } from '../plugin.js';
import { deletedSchema } from '../response.js';
import { renderRun } from '../run-text.js';
import { firstMilli } from '../time.js';
import { answeredBefore, createRun, deleteRun, updateRun } from './changes.js';
import { memberTexts } from './member-text.js';
import {
  createdRunSchema,
  createRunBody,
  listRunsQuery,
  RUN_EXAMPLE,
  RUN_UPDATE_EXAMPLE,
  runFilters,
  runPageSchema,
  runParameters,
  runSchema,
  updatedRunSchema,
  updateRunBody,
} from './schema.js';

export interface RunsOptions {
  access: { readonly store: AccessStore };
  telemetry: TelemetryReader;
}

const errors = { '4xx': errorSchema, '5xx': errorSchema };

function writtenId(text: string): WrittenId {
  return { text, hex: hexOfId(parseTraceId(text)!) };
}

function readRun(workspace: string, bytes: Buffer): NewRun {
  const { run_id: runId, workflow_name: workflowName, status, trace_id: traceId } = readOne(createRunBody, bytes);
  const texts = memberTexts(bytes.toString());
  return {
    workspace,
    runId: writtenId(runId ?? randomUUID()),
    workflowName,
    status,
    input: texts.get('input'),
    output: texts.get('output'),
    traceId: traceId === undefined ? undefined : writtenId(traceId),
    metadata: texts.get('metadata') ?? '{}',
  };
}

function readChanges(bytes: Buffer): RunChanges {
  const { status } = readOne(updateRunBody, bytes);
  const texts = memberTexts(bytes.toString());
  return { status, output: texts.get('output'), metadata: texts.get('metadata') };
}

function isEmpty(changes: RunChanges): boolean {
  return Object.values(changes).every((value) => value === undefined);
}

function hexOfPath({ run_id: text }: { run_id: string }): string {
  const id = parseTraceId(text);
  return requireFound(id && hexOfId(id), 'Run');
}

function readFilters(workspace: string, query: z.infer<typeof runFilters>): RunFilters {
  const { status, workflow_name: workflowName, trace_id: traceId, from, to } = query;
  const traceIdHex = traceId && hexOfId(traceId);
  return { workspace, status, workflowName, traceIdHex, fromUnixMs: firstMilli(from), toUnixMs: firstMilli(to) };
}

export const runsPlugin: ApiPlugin<RunsOptions> = async (app, { access, telemetry }) => {
  registerNativeBodies(app);
  const control = () => access.store.control;

  /** A page of one span tells of a trace what all of its spans would. */
  const requireTrace = async ({ workspace, traceId }: NewRun): Promise<void> => {
    if (!traceId) return;
    const id = Buffer.from(traceId.hex, 'hex');
    requireFound(await telemetry.listSpans({ workspace, traceId: id, limit: 1 }), 'Trace');
  };

  const find = async (workspace: string, hex: string): Promise<Run> =>
    requireFound(await control().runs.get(workspace, hex), 'Run');

  app.route({
    method: 'POST',
    url: '/v1/runs',
    config: { scope: 'write', example: RUN_EXAMPLE },
    schema: {
      tags: ['runs'],
      summary: 'Begin a run of a workflow',
      headers: idempotencyHeaders,
      body: createRunBody,
      response: { 201: createdRunSchema, ...errors },
    },
    handler: async (request, reply) => {
      const bytes = bytesOf(request.body);
      const native = nativeRequest(request, bytes);
      const known = await answeredBefore(control(), native);
      if (known) return sendAnswer(reply, known);
      const run = readRun(request.workspace, bytes);
      await requireTrace(run);
      return sendAnswer(reply, await createRun(control(), native, run));
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/runs',
    config: { scope: 'read' },
    schema: {
      tags: ['runs'],
      summary: 'List runs, newest first',
      querystring: listRunsQuery,
      response: { 200: runPageSchema, ...errors },
    },
    handler: async ({ workspace, query }, reply) => {
      const filters = readFilters(workspace, query);
      const page = await control().runs.list({ ...filters, sort: query.sort, ...readPaging('run', query) });
      return reply.type(JSON_TYPE).send(renderPage('run', query, page, renderRun));
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/runs/count',
    config: { scope: 'read' },
    schema: {
      tags: ['runs'],
      summary: 'How many runs match',
      querystring: runFilters,
      response: { 200: countPageSchema, ...errors },
    },
    handler: async ({ workspace, query }, reply) =>
      reply.type(JSON_TYPE).send(renderCount(await control().runs.count(readFilters(workspace, query)))),
  });

  app.route({
    method: 'GET',
    url: '/v1/runs/:run_id',
    config: { scope: 'read' },
    schema: {
      tags: ['runs'],
      summary: 'One run',
      params: runParameters,
      response: { 200: runSchema, ...errors },
    },
    handler: async ({ workspace, params }, reply) =>
      reply.type(JSON_TYPE).send(renderRun(await find(workspace, hexOfPath(params)))),
  });

  app.route({
    method: 'PATCH',
    url: '/v1/runs/:run_id',
    config: { scope: 'write', example: RUN_UPDATE_EXAMPLE },
    schema: {
      tags: ['runs'],
      summary: 'Change what a run says of its end',
      params: runParameters,
      headers: idempotencyHeaders,
      body: updateRunBody,
      response: { 200: updatedRunSchema, ...errors },
    },
    handler: async (request, reply) => {
      const bytes = bytesOf(request.body);
      const changes = readChanges(bytes);
      const hex = hexOfPath(request.params);
      if (isEmpty(changes)) {
        await find(request.workspace, hex);
        return reply.send({ message: 'No changes' });
      }
      return sendAnswer(reply, await updateRun(control(), nativeRequest(request, bytes), hex, changes));
    },
  });

  app.route({
    method: 'DELETE',
    url: '/v1/runs/:run_id',
    config: { scope: 'write' },
    schema: {
      tags: ['runs'],
      summary: 'Delete a run',
      params: runParameters,
      headers: idempotencyHeaders,
      response: { 204: deletedSchema, ...errors },
    },
    handler: async (request, reply) => {
      const native = nativeRequest(request, bytesOf(undefined));
      return sendAnswer(reply, await deleteRun(control(), native, hexOfPath(request.params)));
    },
  });
};
