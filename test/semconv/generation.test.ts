import { describe, expect, it } from 'vitest';
import type { Generation } from '../../src/model/generation.js';
import { LOG_EVENT } from '../../src/model/native-names.js';
import { promptHashOf } from '../../src/model/prompt-hash.js';
import { generationOf, generationOfLog, searchTextOfEvent } from '../../src/semconv/generation.js';
import { logOf, resourceOf, START, scopeOf, spanOf } from './spans.js';

function mapped(attributes: Record<string, unknown> | string, changes = {}): Generation {
  const generation = generationOf(spanOf(attributes, changes));
  expect(generation).toBeDefined();
  return generation!;
}

const CHAT = { 'gen_ai.operation.name': 'chat', 'gen_ai.provider.name': 'openai', 'gen_ai.request.model': 'gpt-4o' };

describe('which spans are generations', () => {
  it.each([
    ['of a web server', { 'http.route': '/v1/chat', 'http.response.status_code': 200 }],
    ['whose value, not its name, reads like one', { message: 'gen_ai.system' }],
    ['with an attribute of a vocabulary that tells nothing', { 'ai.settings.maxRetries': 2 }],
    ['with tags alone', { 'langfuse.trace.tags': ['a'] }],
  ])('a span %s is none', (_name, attributes) => {
    expect(generationOf(spanOf(attributes))).toBeUndefined();
  });

  it.each([
    ['session.id', 's-1', 'sessionId'],
    ['user.id', 'u-1', 'userId'],
    ['gen_ai.conversation.id', 'c-1', 'sessionId'],
  ] as const)('a span with %s alone says whose its trace is, and counts nothing', (attribute, value, field) => {
    const generation = mapped({ 'http.route': '/', [attribute]: value });
    expect(generation).toMatchObject({ kind: 'span', countable: false, [field]: value });
  });

  it('an operation that nobody knows is still a call when it names a model', () => {
    expect(mapped({ ...CHAT, 'gen_ai.operation.name': 'dream' })).toMatchObject({ kind: 'llm', operation: 'dream' });
  });

  it('an operation that nobody knows, and that names no model, is no call of one', () => {
    const dream = { 'gen_ai.operation.name': 'dream', 'gen_ai.provider.name': 'openai' };
    expect(mapped(dream)).toMatchObject({ kind: 'task', operation: 'dream', countable: false });
  });

  it('an application that counts tokens of its own beside a session makes no call', () => {
    const own = { 'session.id': 's-1', input_tokens: 10, output_tokens: 5, name: 'forecaster', group_id: 'staff' };
    expect(mapped(own)).toMatchObject({ kind: 'span', countable: false, usage: {}, sessionId: 's-1' });
  });

  it.each([
    ['prompt', 'chat', 'prompt'],
    ['retriever', 'embeddings', 'retriever'],
    ['parser', 'parser', 'task'],
  ])('what LangSmith calls a %s is one, whatever its operation', (told, operation, kind) => {
    const attributes = {
      'langsmith.span.kind': told,
      'gen_ai.operation.name': operation,
      'gen_ai.system': 'langchain',
    };
    expect(mapped(attributes)).toMatchObject({ kind, countable: false });
  });
});

describe('only leaves of inference count (5.4 #1, 5.5 #13)', () => {
  const usage = { 'gen_ai.usage.input_tokens': 10, 'gen_ai.usage.output_tokens': 5 };

  it.each(['chat', 'text_completion', 'generate_content', 'embeddings', 'rerank'])('%s counts', (operation) => {
    expect(mapped({ ...CHAT, ...usage, 'gen_ai.operation.name': operation }).countable).toBe(true);
  });

  it('a reranker counts that names its model, and not one that sorts by a formula', () => {
    const reranker = { 'openinference.span.kind': 'RERANKER', 'reranker.query': 'pumps' };
    expect(mapped(reranker)).toMatchObject({ kind: 'reranker', countable: false });
    expect(mapped({ ...reranker, 'reranker.model_name': 'rerank-v3.5' })).toMatchObject({
      countable: true,
      requestModel: 'rerank-v3.5',
      provider: 'cohere',
    });
  });

  it.each(['invoke_agent', 'create_agent', 'agent_step', 'invoke_workflow', 'execute_task', 'plan', 'execute_tool'])(
    '%s repeats its children and does not',
    (operation) => {
      const generation = mapped({ ...usage, 'gen_ai.operation.name': operation, 'gen_ai.provider.name': 'langchain' });
      expect(generation).toMatchObject({ countable: false, provider: '', usage: { input: 10, output: 5 } });
    },
  );

  it.each(['ai.generateText', 'ai.streamText', 'ai.generateObject', 'ai.embed', 'ai.embedMany'])(
    'the outer %s does not, its inner span does (5.4 #2, 5.5 #2)',
    (operationId) => {
      const inner = { 'ai.embed': 'ai.embed.doEmbed', 'ai.embedMany': 'ai.embedMany.doEmbed' }[operationId];
      const attributes = { 'ai.model.id': 'gpt-4o', 'ai.usage.promptTokens': 12 };
      const of = (id: string) => mapped({ ...attributes, 'ai.operationId': id }, { scope: scopeOf('ai') });
      expect(of(operationId).countable).toBe(false);
      expect(
        of(inner ?? `${operationId}.doGenerate`.replace('streamText.doGenerate', 'streamText.doStream')).countable,
      ).toBe(true);
    },
  );

  it('an outer span that has lost its operation id is told by its name', () => {
    const generation = mapped({ 'operation.name': 'ai.generateText my-function', 'ai.model.id': 'gpt-4o' });
    expect(generation).toMatchObject({ countable: false, operation: 'ai.generateText' });
  });

  it('an early pydantic-ai run, which names no operation, is an agent', () => {
    const generation = mapped({ ...usage, agent_name: 'forecaster', model_name: 'gpt-4o', all_messages_events: '[]' });
    expect(generation).toMatchObject({ kind: 'agent', countable: false, agentName: 'forecaster' });
  });

  it('what Logfire announces before it has ended is no second call (5.5 #1)', () => {
    expect(mapped({ ...CHAT, 'logfire.span_type': 'pending_span' }).countable).toBe(false);
    const scope = scopeOf('logfire.openai');
    expect(mapped({ ...CHAT, 'logfire.span_type': 'span' }, { scope }).countable).toBe(false);
    expect(mapped({ ...CHAT, ...usage, 'logfire.span_type': 'log' }, { scope }).countable).toBe(true);
    expect(mapped({ ...CHAT, 'logfire.span_type': 'span' }, { scope, statusCode: 2 }).countable).toBe(true);
  });

  it('version 7 of the Vercel AI SDK names an embedding and its request alike, and the request counts', () => {
    const of = (operation: string, attributes = {}, changes = {}) =>
      mapped({ ...CHAT, 'gen_ai.operation.name': operation, ...attributes }, { scope: scopeOf('gen_ai'), ...changes });
    const within = { parentSpanId: new Uint8Array(8).fill(3) };
    expect(of('embeddings').countable).toBe(false);
    expect(of('embeddings', {}, within).countable).toBe(false);
    expect(of('embeddings', { 'gen_ai.usage.input_tokens': 8 }, within).countable).toBe(true);
    expect(of('embeddings', {}, { ...within, statusCode: 2 }).countable).toBe(true);
    expect(of('rerank').countable).toBe(false);
    expect(of('rerank', {}, within).countable).toBe(true);
    expect(of('chat').countable).toBe(true);
  });

  it("of LiveKit's spans those count that name an operation: others have the model that hears, speaks or is asked", () => {
    const { 'gen_ai.operation.name': operation, ...model } = CHAT;
    const scope = scopeOf('livekit-agents');
    expect(mapped({ ...model, 'lk.pii.chat_ctx': '{"items":[]}' }, { scope }).countable).toBe(false);
    expect(mapped({ ...model, 'gen_ai.operation.name': operation }, { scope }).countable).toBe(true);
    expect(mapped({ ...model, ...usage }, { scope }).countable).toBe(true);
  });
});

describe('counts are inclusive (5.4 #3, 5.5 #3 and #4)', () => {
  it('a cache that is within the input is not added', () => {
    const attributes = { 'gen_ai.usage.input_tokens': 1536, 'gen_ai.usage.cache_read.input_tokens': 1024 };
    expect(mapped({ ...CHAT, ...attributes }).usage).toEqual({ input: 1536, cacheRead: 1024 });
  });

  it('a cache that is more than the input was counted apart', () => {
    const attributes = { 'gen_ai.usage.input_tokens': 512, 'gen_ai.usage.cache_read_input_tokens': 1000 };
    const write = { 'gen_ai.usage.cache_creation_input_tokens': 24 };
    expect(mapped({ ...CHAT, ...attributes, ...write }).usage.input).toBe(1536);
  });

  it('a total that holds the cache beside the input tells that it was counted apart', () => {
    const attributes = {
      'gen_ai.usage.input_tokens': 5000,
      'gen_ai.usage.output_tokens': 100,
      'gen_ai.usage.total_tokens': 6100,
    };
    expect(mapped({ ...CHAT, ...attributes, 'gen_ai.usage.cache_read.input_tokens': 1000 }).usage.input).toBe(6000);
  });

  it('reasoning is within the output and not added again (5.4 #4)', () => {
    const attributes = { 'gen_ai.usage.output_tokens': 220, 'gen_ai.usage.reasoning.output_tokens': 192 };
    expect(mapped({ ...CHAT, ...attributes }).usage).toEqual({ output: 220, reasoning: 192 });
  });

  it('the cache of Anthropic in Vercel 5 is found in its metadata, and outside of the input', () => {
    const metadata = {
      anthropic: { usage: { input_tokens: 2000, cache_read_input_tokens: 1024 }, cacheCreationInputTokens: 7 },
    };
    const generation = mapped({
      'ai.operationId': 'ai.generateText.doGenerate',
      'ai.model.provider': 'anthropic.messages',
      'ai.usage.inputTokens': 2000,
      'ai.response.providerMetadata': JSON.stringify(metadata),
    });
    expect(generation.usage).toEqual({ input: 3031, cacheRead: 1024, cacheWrite: 7 });
  });

  it.each([
    [
      'the Anthropic SDK',
      {
        ...CHAT,
        'anthropic.usage.cache_creation.ephemeral_1h_input_tokens': 500,
        'anthropic.usage.server_tool_use.web_search_requests': '2',
      },
    ],
    [
      'Langfuse',
      {
        'langfuse.observation.type': 'generation',
        'langfuse.observation.usage_details': JSON.stringify({
          input: 1000,
          cache_creation_input_tokens: 600,
          cache_creation: { ephemeral_5m_input_tokens: 100, ephemeral_1h_input_tokens: 500 },
          server_tool_use: { web_search_requests: 2 },
        }),
      },
    ],
    [
      'Vercel',
      {
        'ai.operationId': 'ai.generateText.doGenerate',
        'ai.usage.inputTokens': 1000,
        'ai.response.providerMetadata': JSON.stringify({
          anthropic: {
            usage: {
              cache_creation_input_tokens: 600,
              cache_creation: { ephemeral_1h_input_tokens: 500 },
              server_tool_use: { web_search_requests: 2 },
            },
          },
        }),
      },
    ],
  ])('of %s what is billed beside the tokens is lost', (_, attributes) => {
    const { billed, mappingWarnings } = mapped(attributes);
    expect(billed).toEqual({ cacheWrite1h: 500, webSearches: 2 });
    expect(mappingWarnings).toEqual([]);
  });

  it('what nothing is billed for leaves something to be stored, or a bad count of it', () => {
    const name = 'anthropic.usage.server_tool_use.web_search_requests';
    expect(mapped({ ...CHAT, [name]: 0 }).billed).toBeUndefined();
    const bad = mapped({ ...CHAT, [name]: -1 });
    expect(bad.billed).toBeUndefined();
    expect(bad.mappingWarnings).toHaveLength(1);
  });

  it('in Vercel 6 it is inside already', () => {
    const metadata = { anthropic: { usage: { input_tokens: 512, cache_read_input_tokens: 1024 } } };
    const generation = mapped({
      'ai.operationId': 'ai.generateText.doGenerate',
      'ai.usage.inputTokens': 1536,
      'ai.usage.inputTokenDetails.cacheReadTokens': 1024,
      'ai.response.providerMetadata': JSON.stringify(metadata),
    });
    expect(generation.usage).toEqual({ input: 1536, cacheRead: 1024 });
  });

  it.each([
    [
      'disjoint by their sum',
      { input: 512, input_cached_tokens: 1024, output: 28, output_reasoning_tokens: 192, total: 1756 },
      1536,
      220,
    ],
    ['disjoint when a person fills them in', { input: 2000, output: 28, cache_read_input_tokens: 1024 }, 3024, 28],
    [
      'inclusive when they are what the provider answered',
      { prompt_tokens: 1536, completion_tokens: 28, prompt_tokens_details: { cached_tokens: 1024 } },
      1536,
      28,
    ],
    ['inclusive by their sum', { input: 1536, input_cached_tokens: 1024, output: 28, total: 1564 }, 1536, 28],
  ])('buckets of Langfuse are %s', (_name, details, input, output) => {
    const generation = mapped({
      'langfuse.observation.type': 'generation',
      'langfuse.observation.usage_details': JSON.stringify(details),
    });
    expect(generation.usage).toMatchObject({ input, output, cacheRead: 1024 });
  });

  it('an embedding of which only the total is told has it as its input', () => {
    expect(mapped({ 'gen_ai.operation.name': 'embeddings', 'llm.usage.total_tokens': 9 }).usage).toEqual({ input: 9 });
  });

  it('a chat of which only the total is told has no input: what of it was written, nobody knows', () => {
    expect(mapped({ ...CHAT, 'llm.usage.total_tokens': 9 }).usage).toEqual({});
  });
});

describe('numbers (5.4 #5, 5.5 #6)', () => {
  it.each([
    ['text', '"12"'],
    ['JSON within text', '"\\"12\\""'],
    ['a double', '12.0'],
    ['a double as text', '"12.0"'],
  ])('%s is a count', (_name, value) => {
    const generation = mapped(`{"gen_ai.operation.name":"chat","gen_ai.usage.input_tokens":${value}}`);
    expect(generation).toMatchObject({ usage: { input: 12 }, mappingWarnings: [] });
  });

  it.each([
    ['NaN', '{"$double":"NaN"}'],
    ['a negative count', '-1'],
    ['a fraction', '1.5'],
    ['words', '"many"'],
    ['an int64 beyond 2^53', '{"$int":"9223372036854775807"}'],
    ['a map', '{"a":1}'],
    ['true', 'true'],
  ])('%s is left out with a warning, and its neighbours live', (_name, value) => {
    const generation = mapped(
      `{"gen_ai.operation.name":"chat","gen_ai.usage.input_tokens":${value},"gen_ai.usage.output_tokens":3}`,
    );
    expect(generation.usage).toEqual({ output: 3 });
    expect(generation.mappingWarnings).toEqual([expect.stringMatching(/^gen_ai\.usage\.input_tokens is no count/)]);
  });

  it.each(['null', '""', '"None"', '[]'])('%s stands for nothing and is no reason to warn', (value) => {
    const generation = mapped(`{"gen_ai.operation.name":"chat","gen_ai.usage.input_tokens":${value}}`);
    expect(generation).toMatchObject({ usage: {}, mappingWarnings: [] });
  });

  it('a cost that is no number is a warning, whatever it is', () => {
    for (const cost of ['$0.1', -1, { $double: '-Infinity' }, true, ['a']]) {
      const generation = mapped({ ...CHAT, 'gen_ai.usage.cost': cost });
      expect(generation.reportedCost).toBeUndefined();
      expect(generation.mappingWarnings).toHaveLength(1);
    }
  });

  it('what can not be understood leaves its place to the next name', () => {
    const attributes = { 'gen_ai.usage.input_tokens': 'many', 'gen_ai.usage.prompt_tokens': 7 };
    expect(mapped({ ...CHAT, ...attributes }).usage).toEqual({ input: 7 });
  });

  it('counts that add up beyond 2^53 are left out', () => {
    const most = Number.MAX_SAFE_INTEGER;
    const attributes = { 'gen_ai.usage.input_tokens': most - 1, 'gen_ai.usage.cache_read_tokens': most };
    const generation = mapped({ ...CHAT, ...attributes });
    expect(generation.usage.input).toBeUndefined();
    expect(generation.mappingWarnings).toHaveLength(1);
  });
});

describe('the reported cost is exact', () => {
  it.each([
    [{ 'gen_ai.usage.cost': 0.00021 }, 210_000_000n],
    [{ 'gen_ai.usage.cost': 3.6e-6 }, 3_600_000n],
    [{ 'gen_ai.usage.cost': 0.1 + 0.2 }, 300_000_000_000n],
    [{ 'gen_ai.usage.cost_usd': '0.000000000001' }, 1n],
    [{ 'gen_ai.cost.total_cost': '1234.567890123456' }, 1_234_567_890_123_456n],
    [{ 'operation.cost': 0 }, 0n],
    [{ 'llm.cost.total': 0.5, 'llm.cost.prompt': 9 }, 500_000_000_000n],
    [{ 'llm.cost.prompt': 0.1, 'llm.cost.completion': 0.2 }, 300_000_000_000n],
    [{ 'langfuse.observation.cost_details': '{"input":0.1,"output":0.2}' }, 300_000_000_000n],
    [{ 'langfuse.observation.cost_details': '{"input":0.1,"total":0.7}' }, 700_000_000_000n],
    [{ 'mlflow.llm.cost': '{"total_cost":0.25}' }, 250_000_000_000n],
  ])('%j', (attributes, picodollars) => {
    expect(mapped({ ...CHAT, ...attributes })).toMatchObject({ reportedCost: picodollars, cost: undefined });
  });

  it.each([-1, 'free', 1e12])('%j is no cost', (cost) => {
    const generation = mapped({ ...CHAT, 'gen_ai.usage.cost': cost });
    expect(generation.reportedCost).toBeUndefined();
    expect(generation.mappingWarnings).toHaveLength(1);
  });
});

describe('providers have one name each', () => {
  it.each([
    ['openai.chat', 'openai'],
    ['OpenAI', 'openai'],
    ['anthropic.messages', 'anthropic'],
    ['Anthropic', 'anthropic'],
    ['google.vertex.chat', 'gcp.vertex_ai'],
    ['google.generative-ai', 'gcp.gemini'],
    ['az.ai.openai', 'azure.ai.openai'],
    ['xai', 'x_ai'],
    ['xai.chat', 'x_ai'],
    ['vertex_ai', 'gcp.vertex_ai'],
    ['gemini', 'gcp.gemini'],
    ['AWS', 'aws.bedrock'],
    ['aws.bedrock', 'aws.bedrock'],
    ['azure.ai.inference', 'azure.ai.inference'],
    ['MistralAI', 'mistral_ai'],
    ['openrouter', 'openrouter'],
    ['fireworks.chat', 'fireworks'],
    ['api.openai.com', 'openai'],
    ['api.mistral.ai', 'mistral_ai'],
    ['api.x.ai', 'x_ai'],
    ['shop.openai.azure.com', 'azure.ai.openai'],
    ['llm.example.com', 'llm.example.com'],
    ['constructor', 'constructor'],
  ])('%s is %s', (told, provider) => {
    expect(mapped({ 'gen_ai.operation.name': 'chat', 'gen_ai.system': told }).provider).toBe(provider);
  });

  it.each([
    ['gpt-4o-mini', 'openai'],
    ['o4-mini-2025-04-16', 'openai'],
    ['claude-sonnet-4-5', 'anthropic'],
    ['us.anthropic.claude-sonnet-4-20250514-v1:0', 'aws.bedrock'],
    ['claude-sonnet-4@20250514', 'gcp.vertex_ai'],
    ['llama-3.1-8b-instruct', ''],
    ['gpt-oss-120b', ''],
    ['openai/gpt-4o', ''],
  ])('of %s alone it is %j', (model, provider) => {
    expect(mapped({ 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': model }).provider).toBe(provider);
  });

  it('a framework is no provider, the model tells', () => {
    expect(mapped({ ...CHAT, 'gen_ai.provider.name': 'Langchain' }).provider).toBe('openai');
  });
});

describe('errors (5.5 #7)', () => {
  it('Langfuse says it with a level alone', () => {
    const type = { 'langfuse.observation.type': 'generation' };
    expect(mapped({ ...type, 'langfuse.observation.level': 'ERROR' }).isError).toBe(true);
    expect(mapped({ ...type, 'langfuse.observation.level': 'WARNING' }).isError).toBe(false);
  });

  it('all others with the status', () => expect(mapped(CHAT, { statusCode: 2 }).isError).toBe(true));

  it('the model of a failed call is in the parameters of its invocation', () => {
    const generation = mapped({ 'openinference.span.kind': 'LLM', 'llm.invocation_parameters': '{"model":"gpt-4o"}' });
    expect(generation.requestModel).toBe('gpt-4o');
  });
});

describe('sessions, users and prompts (5.5 #9 and #10)', () => {
  it('a scrubbed session is none', () => {
    expect(mapped({ ...CHAT, 'session.id': "[Scrubbed due to 'session']" }).sessionId).toBe('');
  });

  it.each([
    [{ metadata: '{"session_id":"s-1","user_id":"u-1"}', 'openinference.span.kind': 'LLM' }],
    [{ 'langfuse.session.id': 's-1', 'langfuse.user.id': 'u-1' }],
    [{ 'traceloop.association.properties.session_id': 's-1', 'traceloop.association.properties.user_id': 'u-1' }],
    [{ 'ai.telemetry.metadata.sessionId': 's-1', 'ai.telemetry.metadata.userId': 'u-1' }],
    [{ ...CHAT, 'ai.settings.context.sessionId': 's-1', 'ai.settings.context.userId': 'u-1' }],
    [{ 'mlflow.trace.session': '"s-1"', 'mlflow.trace.user': '"u-1"' }],
  ])('%j', (attributes) => {
    expect(mapped({ ...CHAT, ...attributes })).toMatchObject({ sessionId: 's-1', userId: 'u-1' });
  });

  it.each([
    [{ 'gen_ai.prompt.name': 'greeting', 'gen_ai.prompt.version': '3' }],
    [{ 'traceloop.prompt.key': 'greeting', 'traceloop.prompt.version': '3' }],
    [{ 'langfuse.observation.prompt.name': 'greeting', 'langfuse.observation.prompt.version': 3 }],
    [{ 'ai.telemetry.metadata.langfusePrompt': '{"name":"greeting","version":3}' }],
  ])('%j is version 3 of greeting', (attributes) => {
    expect(mapped({ ...CHAT, ...attributes })).toMatchObject({ promptName: 'greeting', promptVersion: '3' });
  });

  it('a version without a name stays one', () => {
    const generation = mapped({ ...CHAT, 'llm.prompt_template.version': 'v7' });
    expect(generation).toMatchObject({ promptName: '', promptVersion: 'v7' });
  });

  it('the template is what a prompt is recognised by, else the first message, and nothing when it is named', () => {
    const messages = {
      'gen_ai.input.messages': '[{"role":"system","parts":[{"type":"text","content":"Be \\"brief\\"."}]}]',
    };
    expect(mapped({ ...CHAT, ...messages }).promptHash).toBe(promptHashOf('Be "brief".'));
    const template = { 'llm.prompt_template.template': 'Be {{how}}.' };
    expect(mapped({ ...CHAT, ...messages, ...template }).promptHash).toBe(promptHashOf('Be {{how}}.'));
    expect(mapped({ ...CHAT, ...messages, 'gen_ai.prompt.name': 'x' }).promptHash).toBe('');
    expect(mapped(CHAT).promptHash).toBe('');
  });

  it('instructions come before messages, and flattened messages begin with the first', () => {
    const system = { 'gen_ai.system_instructions': '[{"type":"text","content":"Be brief."}]' };
    const input = { 'gen_ai.input.messages': '[{"role":"user","parts":[{"type":"text","content":"Hi"}]}]' };
    expect(mapped({ ...CHAT, ...input, ...system }).promptHash).toBe(promptHashOf('Be brief.'));
    const flat = { 'llm.input_messages.1.message.content': 'Hi', 'llm.input_messages.0.message.content': 'Be brief.' };
    expect(mapped({ ...CHAT, ...flat }).promptHash).toBe(promptHashOf('Be brief.'));
  });
});

describe('types (5.5 #12)', () => {
  it.each([
    ['["stop"]', ['stop']],
    [['stop'], ['stop']],
    ["['stop', 'length']", ['stop', 'length']],
    ["('stop',)", ['stop']],
    ['stop', ['stop']],
    ['"stop"', ['stop']],
    ['', []],
    [[], []],
  ])('finish reasons %j', (value, reasons) => {
    const generation = mapped({ ...CHAT, 'gen_ai.response.finish_reasons': value });
    expect(generation).toMatchObject({ finishReasons: reasons, mappingWarnings: [] });
  });

  it.each([
    ['True', true],
    ['false', false],
    [true, true],
    ['', undefined],
  ])('streaming %j is %j', (value, streaming) => {
    expect(mapped({ ...CHAT, 'llm.is_streaming': value }).streaming).toBe(streaming);
  });

  it.each([[['a', 'b']], ['["a","b"]'], ["['a', 'b']"]])('tags %j', (tags) => {
    expect(mapped({ ...CHAT, 'tag.tags': tags }).tags).toEqual(['a', 'b']);
  });

  it.each([
    [{ 'gen_ai.response.time_to_first_chunk': 0.25 }],
    [{ 'ai.response.msToFirstChunk': 250 }],
    [{ 'gen_ai.client.operation.time_to_first_chunk': 0.25 }],
    [{ 'lk.response.ttft': 0.25 }],
    [{ 'langfuse.observation.completion_start_time': '"2026-11-21T20:57:21.142Z"' }],
  ])('the first token came after a quarter of a second: %j', (attributes) => {
    const startTimeUnixNano = BigInt(Date.parse('2026-11-21T20:57:20.892Z')) * 1_000_000n;
    expect(mapped({ ...CHAT, ...attributes }, { startTimeUnixNano }).timeToFirstTokenNano).toBe(250_000_000n);
  });

  it('a first token before the start is a warning', () => {
    const generation = mapped({ ...CHAT, 'langfuse.observation.completion_start_time': '1999-01-01T00:00:00Z' });
    expect(generation.timeToFirstTokenNano).toBeUndefined();
    expect(generation.mappingWarnings).toHaveLength(1);
  });

  it('the JSON of MLflow is read where it is a scalar', () => {
    const generation = mapped({
      'mlflow.spanType': '"CHAT_MODEL"',
      'mlflow.llm.model': '"gpt-4o"',
      'mlflow.chat.tokenUsage': '{"input_tokens": 12, "output_tokens": 3, "total_tokens": 15}',
    });
    expect(generation).toMatchObject({
      kind: 'llm',
      requestModel: 'gpt-4o',
      provider: 'openai',
      usage: { input: 12, output: 3 },
    });
  });
});

describe('resources', () => {
  it('say environment and release, which a span may say better', () => {
    const resource = resourceOf({ 'deployment.environment': 'production', 'service.version': '1.2' });
    expect(mapped(CHAT, { resource })).toMatchObject({ environment: 'production', release: '1.2' });
    expect(mapped({ ...CHAT, 'langfuse.environment': 'staging' }, { resource }).environment).toBe('staging');
    expect(mapped({ ...CHAT, 'langfuse.environment': 'default' }, { resource }).environment).toBe('production');
  });

  it('of two with different contents each has its own', () => {
    const of = (name: string) =>
      mapped(CHAT, { resource: resourceOf({ 'deployment.environment.name': name }) }).environment;
    expect([of('a'), of('b'), of('a')]).toEqual(['a', 'b', 'a']);
  });
});

describe('the text that a span is found by', () => {
  it.each([
    [{ 'gen_ai.input.messages': '[{"role":"user","parts":[{"type":"text","content":"of pumps"}]}]' }],
    [{ 'gen_ai.input.messages': [{ role: 'user', parts: [{ type: 'text', content: 'of pumps' }] }] }],
    [{ 'llm.input_messages.0.message.content': 'of pumps' }],
    [{ 'gen_ai.prompt.0.content': '[{"type": "text", "text": "of pumps"}]' }],
    [{ 'ai.prompt.messages': '[{"role":"user","content":[{"type":"text","text":"of pumps"}]}]' }],
    [{ 'langfuse.observation.input': 'of pumps' }],
    [{ 'langfuse.observation.input': '[INST] of pumps' }],
    [{ 'gen_ai.output.messages': '[{"role":"assistant","parts":[{"type":"text","content":"of pumps"}]}]' }],
    [{ 'traceloop.entity.input': '{"args": ["of pumps"]}' }],
    [{ all_messages_events: '[{"event.name":"gen_ai.user.message","content":"of pumps"}]' }],
  ])('%j', (attributes) => {
    expect(mapped({ ...CHAT, ...attributes }).searchText).toContain('of pumps');
  });

  it('is not of media', () => {
    const image = { type: 'blob', content: 'iVBORw0KGgo'.repeat(100) };
    const uri = { type: 'uri', text: `data:image/png;base64,${'A'.repeat(50)}` };
    const parts = [{ type: 'text', content: 'look' }, image, uri];
    expect(mapped({ ...CHAT, 'gen_ai.input.messages': JSON.stringify([{ role: 'user', parts }]) }).searchText).toBe(
      'look',
    );
  });

  it('is not of the vectors that OpenLLMetry shows as the answer (5.5 #13)', () => {
    const vector = JSON.stringify(Array.from({ length: 256 }, (_, index) => index / 256));
    const attributes = { 'llm.request.type': 'embedding', 'gen_ai.prompt.0.content': 'of pumps' };
    const generation = mapped({ ...attributes, 'gen_ai.completion.0.content': vector });
    expect(generation).toMatchObject({ kind: 'embedding', searchText: 'of pumps', promptHash: '' });
  });

  it('leaves room for the answer', () => {
    const messages = (text: string) => JSON.stringify([{ role: 'x', parts: [{ type: 'text', content: text }] }]);
    const { searchText } = mapped({
      ...CHAT,
      'gen_ai.input.messages': messages('long input '.repeat(100_000)),
      'gen_ai.output.messages': messages('short answer'),
    });
    expect(searchText.length).toBeLessThanOrEqual(16 * 1024);
    expect(searchText).toContain('short answer');
  });

  it('has nothing that a database could not store', () => {
    const { searchText } = mapped({ ...CHAT, 'gen_ai.input.messages': '[{"content":"a\\u0000b\\ud800c"}]' });
    expect(searchText).toBe('a\ufffdb\ufffdc');
  });

  it('comes from old events of the span, too', () => {
    const event = (name: string, attributes: object) => ({
      timeUnixNano: '1',
      name,
      attributes,
      droppedAttributesCount: 0,
    });
    const events = JSON.stringify([
      event('gen_ai.content.prompt', { 'gen_ai.prompt': '[{"role":"user","content":"of pumps"}]' }),
      event('gen_ai.content.completion', { 'gen_ai.completion': '[{"role":"assistant","content":"they pump"}]' }),
    ]);
    const { searchText, promptHash } = mapped(CHAT, { events });
    expect(searchText).toBe('of pumps\nthey pump');
    expect(promptHash).toBe(promptHashOf('of pumps'));
  });
});

describe('bad input', () => {
  it('a span that tells of nothing but a count which is none is a call, with a warning that shows it', () => {
    expect(mapped({ 'gen_ai.usage.input_tokens': 'lots' })).toMatchObject({
      kind: 'llm',
      usage: {},
      mappingWarnings: ['gen_ai.usage.input_tokens is no count of tokens: "lots"'],
    });
    expect(generationOf(spanOf({ 'gen_ai.usage.input_tokens': '' }))).toBeUndefined();
  });

  it('an index of 99,999,999 makes no slots, but a warning', () => {
    const generation = mapped({ ...CHAT, 'llm.input_messages.99999999.message.content': 'far' });
    expect(generation.searchText).toBe('');
    expect(generation.mappingWarnings).toEqual([expect.stringContaining('beyond 9999')]);
  });

  it('megabytes of nested JSON are not gone into', () => {
    const nested = `{"a":${'['.repeat(2_000_000)}`;
    const generation = mapped({
      'langfuse.observation.type': 'generation',
      'langfuse.observation.usage_details': nested,
      'langfuse.observation.input': '['.repeat(3_000_000),
    });
    expect(generation.usage).toEqual({});
    expect(generation.mappingWarnings).toEqual([expect.stringContaining("can't be read")]);
    expect(generation.searchText.length).toBeLessThan(17_000);
  });

  it('depth counts within the length as well', () => {
    const deep = `{"input":1,"a":${'['.repeat(1000)}${']'.repeat(1000)}}`;
    const generation = mapped({ ...CHAT, 'langfuse.observation.usage_details': deep });
    expect(generation).toMatchObject({ usage: {}, mappingWarnings: [expect.stringContaining("can't be read")] });
  });

  it('names are cut, and the warnings that say so are bounded in number and length', () => {
    const long = 'x'.repeat(100_000);
    const names = [
      'gen_ai.request.model',
      'gen_ai.response.model',
      'session.id',
      'user.id',
      'gen_ai.response.id',
      'llm.user',
    ];
    const counts = ['input', 'output', 'cache_read.input', 'cache_write.input', 'reasoning.output', 'total'];
    const generation = mapped({
      ...Object.fromEntries(names.map((name) => [name, long])),
      ...Object.fromEntries(counts.map((name) => [`gen_ai.usage.${name}_tokens`, long])),
    });
    expect(generation.requestModel).toHaveLength(512);
    expect(generation.mappingWarnings).toHaveLength(10);
    expect(Math.max(...generation.mappingWarnings.map(({ length }) => length))).toBeLessThanOrEqual(200);
  });

  it('keys of prototypes are just keys', () => {
    const attributes =
      '{"gen_ai.request.model":"gpt-4o","__proto__":{"polluted":1},"constructor":"x","llm.input_messages.0.__proto__.content":"a",' +
      '"llm.invocation_parameters":"{\\"__proto__\\":{\\"model\\":\\"evil\\"}}","metadata":"{\\"__proto__\\":{\\"session_id\\":\\"evil\\"}}"}';
    expect(mapped(attributes)).toMatchObject({ requestModel: 'gpt-4o', sessionId: '' });
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('a clock that went back measured nothing', () => {
    expect(mapped(CHAT, { endTimeUnixNano: START - 1n }).durationNano).toBe(0n);
  });
});

describe('native logs', () => {
  const LOG = {
    'gen_ai.prompt.name': 'greeting',
    'gen_ai.prompt.version': '1.0.0',
    'gen_ai.provider.name': 'openai',
    'gen_ai.request.model': 'gpt-4o',
    'gen_ai.usage.input_tokens': 12,
    'gen_ai.usage.output_tokens': 3,
    'promptmetrics.latency_ms': 250.5,
    'promptmetrics.cost_usd': 0.00021,
    'promptmetrics.status': 'ok',
  };

  it('are calls of their own', () => {
    expect(generationOfLog(logOf({ eventName: LOG_EVENT, attributes: LOG }))).toMatchObject({
      kind: 'llm',
      countable: true,
      provider: 'openai',
      requestModel: 'gpt-4o',
      usage: { input: 12, output: 3 },
      promptName: 'greeting',
      promptVersion: '1.0.0',
      durationNano: 250_500_000n,
      startTimeUnixNano: START,
      reportedCost: 210_000_000n,
      isError: false,
      mappingWarnings: [],
    });
  });

  it.each(['session_id', 'sessionId', 'session.id', 'conversation_id'])('%s in the metadata is the session', (name) => {
    const attributes = { ...LOG, [name]: 's-1', user_id: 'u-1', environment: 'staging' };
    const generation = generationOfLog(logOf({ eventName: LOG_EVENT, attributes }));
    expect(generation).toMatchObject({ sessionId: 's-1', userId: 'u-1', environment: 'staging' });
  });

  it('are errors by their status, and by their severity where they have none', () => {
    const of = (status: unknown, severityNumber: number) =>
      generationOfLog(logOf({ eventName: LOG_EVENT, severityNumber, attributes: { 'promptmetrics.status': status } }))
        ?.isError;
    expect([of('error', 9), of('ok', 17), of(undefined, 17), of(undefined, 9)]).toEqual([true, false, true, false]);
  });

  it('no other log record is one', () => {
    expect(generationOfLog(logOf({ eventName: 'gen_ai.choice', attributes: LOG }))).toBeUndefined();
    expect(generationOfLog(logOf({ attributes: LOG }))).toBeUndefined();
  });
});

describe('the text of events', () => {
  it.each([
    ['the field', { eventName: 'gen_ai.user.message', body: { content: 'of pumps' } }],
    ['the attribute', { attributes: { 'event.name': 'gen_ai.user.message' }, body: { content: 'of pumps' } }],
    ['a choice', { eventName: 'gen_ai.choice', body: { index: 0, message: { content: 'of pumps' } } }],
    [
      'whole messages',
      {
        eventName: 'gen_ai.client.inference.operation.details',
        attributes: { 'gen_ai.input.messages': [{ role: 'user', parts: [{ type: 'text', content: 'of pumps' }] }] },
      },
    ],
    ['a JSON text as body', { eventName: 'gen_ai.user.message', body: '{"content":"of pumps"}' }],
  ])('is found under %s', (_name, record) => {
    expect(searchTextOfEvent(logOf(record))).toBe('of pumps');
  });

  it.each([
    ['of another name', { eventName: 'app.started', body: { content: 'of pumps' } }],
    ['without content', { eventName: 'gen_ai.user.message', body: null }],
    ['whose attribute only reads like a name', { attributes: { note: 'gen_ai.user.message' }, body: 'of pumps' }],
  ])('a record %s has none', (_name, record) => {
    expect(searchTextOfEvent(logOf(record))).toBeUndefined();
  });
});

describe("Claude's Agent SDK", () => {
  const request = {
    'span.type': 'llm_request',
    'gen_ai.system': 'anthropic',
    'gen_ai.request.model': 'claude-sonnet-4-5',
  };

  it('counts the cache beside the input, as the provider does', () => {
    const told = { input_tokens: 512, output_tokens: 28, cache_read_tokens: 1024, cache_creation_tokens: 100 };
    const { usage, countable } = mapped({ ...request, ...told });
    expect(usage).toEqual({ input: 1636, output: 28, cacheRead: 1024, cacheWrite: 100 });
    expect(countable).toBe(true);
  });

  it.each([
    'logfire.claude_agent_sdk',
    'openinference.instrumentation.claude_agent_sdk',
    '@arizeai/openinference-instrumentation-claude-agent-sdk',
  ])('under %s the run of an agent counts, and the calls in it, which tell nothing, do not', (name) => {
    const scope = { scope: scopeOf(name) };
    const run = {
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.usage.input_tokens': 9,
      'gen_ai.usage.output_tokens': 2,
    };
    expect(mapped(run, scope).countable).toBe(true);
    expect(mapped(CHAT, scope).countable).toBe(false);
    expect(mapped({ 'gen_ai.operation.name': 'invoke_agent' }, scope).countable).toBe(false);
  });
});

it.each([
  [353, 353_000_000n],
  [0.353, 353_000_000n],
])('the time to the first token that a server took, told as %s, is in seconds unless it is whole', (told, nanos) => {
  expect(mapped({ ...CHAT, 'gen_ai.server.time_to_first_token': told }).timeToFirstTokenNano).toBe(nanos);
});

it.each(['strands-agents', 'microsoft.agent_framework', 'autogen'])(
  '%s calls models and is no provider: the model tells who answered',
  (framework) => {
    const told = { 'gen_ai.operation.name': 'chat', 'gen_ai.system': framework, 'gen_ai.request.model': 'gpt-4o-mini' };
    expect(mapped(told).provider).toBe('openai');
  },
);
