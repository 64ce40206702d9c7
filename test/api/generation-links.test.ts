/** Which prompt and which run a generation belongs to, over a real registry and control store. */
import { expect, it } from 'vitest';
import { promptHashOf } from '../../src/model/prompt-hash.js';
import type { StoredGeneration } from '../../src/store/telemetry/generations.js';
import { storedGeneration } from '../helpers/generations-memory.js';
import { recordSource } from '../helpers/records.js';
import { startRegistry } from '../helpers/registry.js';
import { onEachDatabase } from './databases.js';

const STATIC = 'You answer questions about pumps.';
const RUN = '0B5C9F3E-1D2A-4C6B-8E7F-0123456789AB';
const idOf = ({ traceId, spanId }: StoredGeneration) =>
  `${Buffer.from(traceId!).toString('hex')}-${Buffer.from(spanId!).toString('hex')}`;

onEachDatabase((open) => {
  async function openLinks() {
    let close = async () => {};
    const context = await open(async (access) => {
      const fixture = await startRegistry(access.control);
      close = fixture.close;
      return { registry: fixture.registry };
    });
    context.app.addHook('onClose', () => close());
    const { key } = await context.access.mint('default', 'read,write,admin');
    const call = context.as(key);
    const write = async (name: string, version: string, content = STATIC) => {
      const body = { name, version, messages: [{ role: 'system', content }] };
      expect((await call('POST', '/v1/prompts', body)).statusCode).toBe(201);
    };
    const add = (more: Partial<StoredGeneration>, workspace = 'default') => {
      const generation = storedGeneration(more);
      context.generations.add(workspace, generation);
      return generation;
    };
    const promptOf = async (generation: StoredGeneration) =>
      (await call('GET', `/v1/generations/${idOf(generation)}`)).json().prompt;
    const listed = async (query: string) => {
      const page = (await call('GET', `/v1/generations?${query}`)).json();
      const { count } = (await call('GET', `/v1/generations/count?${query}`)).json();
      return { ids: page.items.map(({ id }: { id: string }) => id), total: page.total, count };
    };
    return { ...context, call, write, add, promptOf, listed };
  }

  it('a span that names a prompt is linked when the prompt is registered later', async () => {
    const { write, add, promptOf } = await openLinks();
    const [any, pinned] = [add({ promptName: 'pumps' }), add({ promptName: 'pumps', promptVersion: '1.1.0' })];
    expect(await promptOf(any)).toEqual({ name: 'pumps', version_tag: null, registered: false, by: 'name' });
    await write('pumps', '1.0.0');
    expect(await promptOf(any)).toMatchObject({ registered: true });
    expect(await promptOf(pinned)).toMatchObject({ version_tag: '1.1.0', registered: false });
    await write('pumps', '1.1.0');
    expect(await promptOf(pinned)).toMatchObject({ registered: true });
  });

  it('what can be no name or no version in the registry is not registered', async () => {
    const { write, add, promptOf } = await openLinks();
    await write('pumps', '1.0.0');
    for (const [promptName, promptVersion] of [
      ['a b', ''],
      ['pumps', 'v7'],
      ['pumps', '3'],
      ['\ud800', '1.0.0'],
    ] as const) {
      expect(await promptOf(add({ promptName, promptVersion }))).toMatchObject({ registered: false, by: 'name' });
    }
  });

  it('a span that names none is linked when a version with its text is registered later', async () => {
    const { write, add, promptOf } = await openLinks();
    const generation = add({ promptHash: promptHashOf(STATIC) });
    expect(await promptOf(generation)).toBeNull();
    await write('pumps', '1.0.0', 'Something else.');
    expect(await promptOf(generation)).toBeNull();
    await write('pumps', '1.1.0');
    expect(await promptOf(generation)).toEqual({ name: 'pumps', version_tag: '1.1.0', registered: true, by: 'hash' });
    await write('valves', '1.0.0');
    expect(await promptOf(generation)).toBeNull();
    expect(await promptOf(add({}))).toBeNull();
  });

  it('a span whose messages came as log events is not recognised by them, as they are written or as they were handed out', async () => {
    const { call, write, add, promptOf, telemetry } = await openLinks();
    await write('pumps', '1.0.0');
    await write('greeting', '1.0.0', 'Greet {{name}}.');
    const handedOut = await call('GET', '/v1/prompts/greeting?variables[name]=Ann');
    expect(handedOut.statusCode).toBe(200);
    const source = recordSource(9);
    const called = (text: string, kind: StoredGeneration['kind'] = 'llm') => {
      const [span] = source.trace(1);
      const { traceId, spanId } = span!;
      const body = JSON.stringify({ content: text });
      telemetry.addSpans('default', [{ ...span!, attributes: '{}', events: '[]' }]);
      telemetry.addLogRecords('default', [
        { ...source.logRecord(), eventName: 'gen_ai.system.message', body, attributes: '{}', traceId, spanId },
      ]);
      return promptOf(add({ traceId, spanId, kind }));
    };
    expect(await called(STATIC)).toEqual({ name: 'pumps', version_tag: '1.0.0', registered: true, by: 'hash' });
    expect(await called('Greet Ann.')).toMatchObject({ name: 'greeting', version_tag: '1.0.0', by: 'hash' });
    expect(await called('Greet Bob.')).toBeNull();
    expect(await called(STATIC, 'agent')).toBeNull();
    await call('DELETE', '/v1/prompts/greeting');
    expect(await called('Greet Ann.')).toBeNull();
  });

  it('what a span was recognised as when it was stored stays, and is told to come from its text', async () => {
    const { add, promptOf } = await openLinks();
    const recognised = { promptHash: promptHashOf(STATIC), promptName: 'pumps', promptVersion: '1.0.0' };
    expect(await promptOf(add(recognised))).toEqual({
      name: 'pumps',
      version_tag: '1.0.0',
      registered: false,
      by: 'hash',
    });
  });

  it('the generations of a run are those of its trace, in any spelling of its id', async () => {
    const { call, add, listed, telemetry } = await openLinks();
    const [span] = recordSource(7).trace(1);
    telemetry.addSpans('default', [span!]);
    const [mine, other] = [add({ traceId: span!.traceId, spanId: span!.spanId }), add({})];
    const trace = idOf(mine).slice(0, 32);
    const body = { run_id: RUN, workflow_name: 'flow', trace_id: trace };
    expect((await call('POST', '/v1/runs', body)).statusCode).toBe(201);
    const found = { ids: [idOf(mine)], total: 1, count: 1 };
    for (const id of [RUN, RUN.toLowerCase().replaceAll('-', '')]) expect(await listed(`run_id=${id}`)).toEqual(found);
    expect(await listed(`run_id=${RUN}&trace_id=${trace}`)).toEqual(found);
    expect(await listed(`run_id=${RUN}&trace_id=${idOf(other).slice(0, 32)}`)).toEqual({ ids: [], total: 0, count: 0 });
  });

  it('a run that is not there, without a trace, or of another workspace has no generations', async () => {
    const { call, add, listed, access } = await openLinks();
    const generation = add({});
    const [none, traceless, foreign] = ['1', '2', '3'].map((digit) => digit.repeat(32));
    await call('POST', '/v1/runs', { run_id: traceless, workflow_name: 'flow' });
    await access.control.workspaces.ensure('other');
    const id = (hex: string) => ({ text: hex, hex });
    const run = {
      runId: id(foreign!),
      traceId: id(idOf(generation).slice(0, 32)),
      input: undefined,
      output: undefined,
    };
    const flow = { workspace: 'other', workflowName: 'flow', status: 'running', metadata: '{}' } as const;
    await access.control.runs.create({ ...flow, ...run }, 1);
    for (const runId of [none, traceless, foreign]) {
      expect(await listed(`run_id=${runId}`)).toEqual({ ids: [], total: 0, count: 0 });
    }
    expect((await call('GET', '/v1/generations?run_id=banana')).statusCode).toBe(422);
  });

  it('a native log that names the run is not among its generations, whether the run has a trace, or is there at all', async () => {
    const { call, add, listed, telemetry } = await openLinks();
    const [span] = recordSource(8).trace(1);
    telemetry.addSpans('default', [span!]);
    const [log, mine] = [add({ runId: '4'.repeat(32) }), add({ traceId: span!.traceId, spanId: span!.spanId })];
    expect(await listed(`run_id=${'4'.repeat(32)}`)).toEqual({ ids: [idOf(log)], total: 1, count: 1 });
    const body = { run_id: '4'.repeat(32), workflow_name: 'flow', trace_id: idOf(mine).slice(0, 32) };
    expect((await call('POST', '/v1/runs', body)).statusCode).toBe(201);
    const { ids, ...counts } = await listed(`run_id=${'4'.repeat(32)}`);
    expect([...ids].sort()).toEqual([idOf(log), idOf(mine)].sort());
    expect(counts).toEqual({ total: 2, count: 2 });
  });
});
