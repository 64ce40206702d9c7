import { describe, expect, it, vi } from 'vitest';
import type { Conversation, ConversationEvent } from '../../src/model/conversation.js';
import { conversationOf } from '../../src/semconv/conversation.js';
import { START } from './spans.js';

interface Parts {
  attributes?: Record<string, unknown>;
  events?: unknown[];
  logRecords?: ConversationEvent[];
}

function read({ attributes = {}, events = [], logRecords = [] }: Parts): Conversation {
  return conversationOf({
    attributes: JSON.stringify(attributes),
    events: JSON.stringify(events),
    scopeName: 'test',
    logRecords,
  });
}

/** `after`: nanoseconds. */
function log(eventName: string, body: unknown, { attributes = {}, after = 0n } = {}): ConversationEvent {
  return {
    timeUnixNano: START + after,
    eventName,
    body: JSON.stringify(body),
    attributes: JSON.stringify(attributes),
  };
}

const text = (content: string) => ({ type: 'text', content });
const user = (content: string) => ({ role: 'user', parts: [text(content)] });
const assistant = (content: string) => ({ role: 'assistant', parts: [text(content)] });
const MESSAGES = [{ role: 'user', parts: [text('Hi')] }];

describe('messages are one form, whichever vocabulary carried them', () => {
  it.each([
    ['OpenTelemetry, as JSON', { 'gen_ai.input.messages': JSON.stringify(MESSAGES) }],
    ['OpenTelemetry, structured', { 'gen_ai.input.messages': MESSAGES }],
    ['OpenTelemetry, deprecated', { 'gen_ai.prompt': '[{"role":"user","content":"Hi"}]' }],
    ['OpenInference', { 'llm.input_messages.0.message.role': 'user', 'llm.input_messages.0.message.content': 'Hi' }],
    [
      'OpenInference with contents',
      {
        'llm.input_messages.0.message.role': 'user',
        'llm.input_messages.0.message.contents.0.message_content.type': 'text',
        'llm.input_messages.0.message.contents.0.message_content.text': 'Hi',
      },
    ],
    ['OpenInference, completions', { 'llm.prompts.0.prompt.text': 'Hi' }],
    ['a request to OpenAI', { 'input.value': '{"model":"gpt-4o","messages":[{"role":"user","content":"Hi"}]}' }],
    ['a request to OpenAI Responses', { 'input.value': '{"model":"gpt-4o","input":"Hi"}' }],
    ['a request to Gemini', { 'input.value': '{"contents":[{"role":"user","parts":[{"text":"Hi"}]}]}' }],
    ['LangChain', { 'input.value': '{"messages":[[{"lc":1,"id":["a","HumanMessage"],"kwargs":{"content":"Hi"}}]]}' }],
    ['plain text', { 'input.value': 'Hi' }],
    ['JSON within JSON', { 'gen_ai.input.messages': JSON.stringify(JSON.stringify(MESSAGES)) }],
    ['a list of JSON texts', { 'gen_ai.input.messages': ['{"role":"user","content":"Hi"}'] }],
    ['values of Vercel', { 'ai.operationId': 'ai.embedMany.doEmbed', 'ai.values': ['"Hi"'] }],
    ['an empty list before them', { 'gen_ai.input.messages': '[]', 'gen_ai.prompt': 'Hi' }],
    ['a structured empty list before them', { 'gen_ai.input.messages': [], 'input.value': 'Hi' }],
    ['LiveKit', { 'lk.chat_ctx': '{"items":[{"type":"message","role":"user","content":["Hi"]}]}' }],
    ['LiveKit, marked', { 'lk.pii.chat_ctx': '{"items":[{"type":"message","role":"user","content":["Hi"]}]}' }],
    ['a question to a reranker', { 'openinference.span.kind': 'RERANKER', 'reranker.query': 'Hi' }],
    ['OpenLLMetry', { 'gen_ai.prompt.0.role': 'user', 'gen_ai.prompt.0.content': 'Hi' }],
    [
      'OpenLLMetry with blocks',
      { 'gen_ai.prompt.0.role': 'user', 'gen_ai.prompt.0.content': '[{"type":"text","text":"Hi"}]' },
    ],
    ['Vercel', { 'ai.prompt.messages': '[{"role":"user","content":[{"type":"text","text":"Hi"}]}]' }],
    ['Vercel, outer', { 'ai.prompt': '{"prompt":"Hi"}' }],
    ['Langfuse', { 'langfuse.observation.input': '[{"role":"user","content":"Hi"}]' }],
    ['Langfuse, JSON-encoded', { 'langfuse.observation.input': '"Hi"' }],
    ['MLflow', { 'mlflow.spanInputs': '{"messages":[{"role":"user","content":"Hi"}],"model":"gpt-4o"}' }],
    ['Logfire', { request_data: '{"messages":[{"role":"user","content":"Hi"}],"model":"gpt-4o"}' }],
    ['pydantic-ai', { all_messages_events: '[{"event.name":"gen_ai.user.message","role":"user","content":"Hi"}]' }],
    ['Python', { 'gen_ai.prompt': "[{'role': 'user', 'content': 'Hi'}]" }],
  ])('%s', (_name, attributes) => {
    expect(read({ attributes })).toMatchObject({ input: [user('Hi')], output: [], truncated: false });
  });

  it.each([
    [
      'OpenTelemetry',
      { 'gen_ai.output.messages': [{ role: 'assistant', parts: [text('Ho')], finish_reason: 'stop' }] },
    ],
    [
      'OpenInference',
      { 'llm.output_messages.0.message.role': 'assistant', 'llm.output_messages.0.message.content': 'Ho' },
    ],
    ['OpenInference, completions', { 'llm.choices.0.completion.text': 'Ho' }],
    [
      'an answer of OpenAI',
      { 'output.value': '{"choices":[{"message":{"role":"assistant","content":"Ho"},"finish_reason":"stop"}]}' },
    ],
    [
      'an answer of OpenAI Responses',
      { 'output.value': '[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"Ho"}]}]' },
    ],
    [
      'an answer of OpenAI Responses, whole',
      {
        'output.value':
          '{"object":"response","instructions":"Be brief.","output":[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"Ho"}]}]}',
      },
    ],
    [
      'a generation of LangChain',
      {
        'output.value':
          '{"generations":[[{"text":"Ho","message":{"id":["a","AIMessage"],"kwargs":{"content":"Ho","type":"ai"}}}]]}',
      },
    ],
    [
      'an answer of Anthropic',
      { 'output.value': '{"role":"assistant","content":[{"type":"text","text":"Ho"}],"stop_reason":"end_turn"}' },
    ],
    [
      'an answer of Gemini',
      { 'output.value': '{"candidates":[{"content":{"parts":[{"text":"Ho"}],"role":"model"}}]}' },
    ],
    ['OpenLLMetry', { 'gen_ai.completion.0.content': 'Ho', 'gen_ai.completion.0.finish_reason': 'stop' }],
    ['Vercel', { 'ai.response.text': 'Ho' }],
    ['Vercel 3', { 'ai.result.text': 'Ho' }],
  ])('answers of %s', (_name, attributes) => {
    expect(read({ attributes })).toMatchObject({ input: [], output: [assistant('Ho')], truncated: false });
  });

  it('instructions are the first message, once', () => {
    const attributes = { 'gen_ai.system_instructions': [text('Be brief.')], 'gen_ai.input.messages': MESSAGES };
    const system = { role: 'system', parts: [text('Be brief.')] };
    expect(read({ attributes }).input).toEqual([system, user('Hi')]);
    const repeated = { ...attributes, 'gen_ai.input.messages': [system, ...MESSAGES] };
    expect(read({ attributes: repeated }).input).toEqual([system, user('Hi')]);
  });

  it('flattened messages keep the order of their index, and holes are no messages', () => {
    const attributes = Object.fromEntries([10, 2, 0].map((index) => [`gen_ai.prompt.${index}.content`, `n${index}`]));
    expect(read({ attributes }).input.map(({ parts }) => parts[0])).toEqual([text('n0'), text('n2'), text('n10')]);
  });

  it("instructions and tools of Google's ADK are in the config of the request", () => {
    const config = { system_instruction: 'Be brief.', tools: [{ function_declarations: [{ name: 'get_weather' }] }] };
    const request = JSON.stringify({ contents: [{ role: 'user', parts: [{ text: 'Hi' }] }], config });
    const { input, tools } = read({ attributes: { 'gcp.vertex.agent.llm_request': request } });
    expect(input).toEqual([{ role: 'system', parts: [text('Be brief.')] }, user('Hi')]);
    expect(tools).toEqual([{ name: 'get_weather' }]);
  });

  it('documents of a reranker are its answer', () => {
    const attributes = { 'openinference.span.kind': 'RERANKER', 'reranker.output_documents.0.document.content': 'Ho' };
    expect(read({ attributes }).output).toEqual([{ role: 'document', parts: [text('Ho')] }]);
  });

  it('what an application told of itself is no parameter of a request', () => {
    const attributes = { 'ai.settings.context.userId': 'u-1', 'ai.settings.maxRetries': 2 };
    expect(read({ attributes }).parameters).toEqual({ max_retries: 2 });
  });

  it('an answer that is an empty list stays the text that it was', () => {
    expect(read({ attributes: { 'ai.response.text': '[]' } }).output).toEqual([assistant('[]')]);
  });

  it('an answer that happens to be JSON stays the text that it was', () => {
    expect(read({ attributes: { 'ai.response.object': '{"city": "Paris"}' } }).output).toEqual([
      assistant('{"city": "Paris"}'),
    ]);
  });

  it('of several carriers of the same messages one is shown', () => {
    const attributes = {
      'gen_ai.input.messages': MESSAGES,
      'llm.input_messages.0.message.content': 'Hi',
      'input.value': '{"messages":[{"role":"user","content":"Hi"}]}',
    };
    const logRecords = [log('gen_ai.user.message', { content: 'Hi' })];
    expect(read({ attributes, logRecords }).input).toEqual([user('Hi')]);
  });
});

describe('parts', () => {
  const CALL = { type: 'tool_call', id: 'c-1', name: 'get_weather', arguments: { city: 'Paris' } };
  const given = '{"city":"Paris"}';

  it.each([
    [
      'OpenAI',
      {
        content: null,
        tool_calls: [{ id: 'c-1', type: 'function', function: { name: 'get_weather', arguments: given } }],
      },
    ],
    ['Anthropic', { content: [{ type: 'tool_use', id: 'c-1', name: 'get_weather', input: { city: 'Paris' } }] }],
    ['OpenTelemetry', { parts: [{ type: 'tool_call', id: 'c-1', name: 'get_weather', arguments: given }] }],
    [
      'Vercel 4',
      { content: [{ type: 'tool-call', toolCallId: 'c-1', toolName: 'get_weather', args: { city: 'Paris' } }] },
    ],
    [
      'Vercel 5',
      { content: [{ type: 'tool-call', toolCallId: 'c-1', toolName: 'get_weather', input: { city: 'Paris' } }] },
    ],
  ])('a call of %s', (_name, message) => {
    const attributes = { 'gen_ai.output.messages': [{ role: 'assistant', ...message }] };
    expect(read({ attributes }).output).toEqual([{ role: 'assistant', parts: [CALL] }]);
  });

  it('a call of OpenInference, named as a block and beside it, is one', () => {
    const message = 'llm.output_messages.0.message';
    const call = 'tool_call';
    const attributes = {
      [`${message}.role`]: 'assistant',
      [`${message}.contents.0.message_content.type`]: 'tool_use',
      [`${message}.contents.0.${call}.id`]: 'c-1',
      [`${message}.contents.0.${call}.function.name`]: 'get_weather',
      [`${message}.contents.0.${call}.function.arguments`]: given,
      [`${message}.tool_calls.0.${call}.id`]: 'c-1',
      [`${message}.tool_calls.0.${call}.function.name`]: 'get_weather',
      [`${message}.tool_calls.0.${call}.function.arguments`]: given,
    };
    expect(read({ attributes }).output).toEqual([{ role: 'assistant', parts: [CALL] }]);
  });

  it('a text and the calls beside it are one message of Vercel', () => {
    const calls = [{ toolCallId: 'c-1', toolName: 'get_weather', args: given }];
    const attributes = { 'ai.response.text': 'Let me look.', 'ai.response.toolCalls': JSON.stringify(calls) };
    expect(read({ attributes }).output).toEqual([{ role: 'assistant', parts: [text('Let me look.'), CALL] }]);
  });

  it.each([
    ['OpenAI', { role: 'tool', tool_call_id: 'c-1', content: '18' }],
    ['Anthropic', { role: 'tool', content: [{ type: 'tool_result', tool_use_id: 'c-1', content: '18' }] }],
    ['OpenTelemetry', { role: 'tool', parts: [{ type: 'tool_call_response', id: 'c-1', result: '18' }] }],
    [
      'Vercel',
      { role: 'tool', content: [{ type: 'tool-result', toolCallId: 'c-1', output: { type: 'text', value: '18' } }] },
    ],
  ])('what a tool answered, of %s', (_name, message) => {
    const parts = [{ type: 'tool_call_response', id: 'c-1', response: '18' }];
    expect(read({ attributes: { 'gen_ai.input.messages': [message] } }).input).toEqual([{ role: 'tool', parts }]);
  });

  const URI = { type: 'uri', modality: 'image', uri: 'https://example.com/a.png' };
  const BLOB = { type: 'blob', modality: 'image', mimeType: 'image/png', content: 'iVBORw0K' };

  it.each([
    ['OpenAI, by address', { type: 'image_url', image_url: { url: URI.uri } }, URI],
    ['OpenAI, as data', { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0K' } }, BLOB],
    ['OpenAI Responses', { type: 'input_image', image_url: URI.uri }, URI],
    ['Anthropic', { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0K' } }, BLOB],
    ['Anthropic, by address', { type: 'image', source: { type: 'url', url: URI.uri } }, URI],
    ['Vercel', { type: 'image', image: 'iVBORw0K', mediaType: 'image/png' }, BLOB],
    ['Gemini', { inlineData: { mimeType: 'image/png', data: 'iVBORw0K' } }, BLOB],
    ['OpenTelemetry', { type: 'blob', modality: 'image', mime_type: 'image/png', content: 'iVBORw0K' }, BLOB],
    ['OpenTelemetry, by address', { type: 'uri', modality: 'image', uri: URI.uri }, URI],
  ])('an image of %s', (_name, block, part) => {
    expect(read({ attributes: { 'gen_ai.prompt': [{ role: 'user', content: [block] }] } }).input[0]?.parts).toEqual([
      part,
    ]);
  });

  it.each([
    ['OpenTelemetry', { type: 'reasoning', content: 'hm' }],
    ['Anthropic', { type: 'thinking', thinking: 'hm', signature: 'x' }],
    ['OpenAI Responses', { type: 'reasoning', summary: [{ type: 'summary_text', text: 'hm' }] }],
  ])('reasoning of %s', (_name, part) => {
    const attributes = { 'gen_ai.output.messages': [{ role: 'assistant', parts: [part] }] };
    expect(read({ attributes }).output[0]?.parts).toEqual([{ type: 'reasoning', content: 'hm' }]);
  });

  it('what no form fits is kept as it came', () => {
    const part = { type: 'hologram', light: 3 };
    expect(
      read({ attributes: { 'gen_ai.input.messages': [{ role: 'user', parts: [part] }] } }).input[0]?.parts,
    ).toEqual([{ type: 'other', value: part }]);
  });

  it('the span of a tool is its call and its answer', () => {
    const attributes = {
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': 'get_weather',
      'gen_ai.tool.call.id': 'c-1',
      'gen_ai.tool.call.arguments': given,
      'gen_ai.tool.call.result': '{"celsius":18}',
    };
    const { input, output } = read({ attributes });
    expect(input).toEqual([{ role: 'assistant', parts: [CALL] }]);
    expect(output[0]?.parts).toMatchObject([{ type: 'tool_call_response', id: 'c-1' }]);
  });
});

describe('the span of a tool', () => {
  const called = (args: unknown) => [
    { role: 'assistant', parts: [{ type: 'tool_call', id: '', name: 'get_weather', arguments: args }] },
  ];

  it.each([
    [
      'OpenInference, whose parameters are the schema',
      { 'openinference.span.kind': 'TOOL', 'tool.name': 'get_weather', 'tool.parameters': '{"type":"object"}' },
      { 'input.value': '{"city":"Paris"}' },
    ],
    [
      'OpenInference without its input',
      { 'openinference.span.kind': 'TOOL', 'tool.name': 'get_weather' },
      { 'tool.parameters': '{"city":"Paris"}' },
    ],
    [
      'OpenLLMetry',
      { 'traceloop.span.kind': 'tool', 'traceloop.entity.name': 'get_weather' },
      { 'traceloop.entity.input': '{"city":"Paris"}' },
    ],
    ['LiveKit', { 'lk.function_tool.name': 'get_weather' }, { 'lk.pii.function_tool.arguments': '{"city":"Paris"}' }],
  ])('of %s shows what it was called with', (_name, own, given) => {
    expect(read({ attributes: { ...own, ...given } }).input).toEqual(called({ city: 'Paris' }));
  });
});

describe('messages that come as log events (5.4 #7, 5.5 #5)', () => {
  const DETAILS = 'gen_ai.client.inference.operation.details';

  it('deprecated ones are a message each, in the order of their times', () => {
    const logRecords = [
      log(
        'gen_ai.choice',
        { index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'Ho' } },
        { after: 9n },
      ),
      log('gen_ai.tool.message', { id: 'c-1', content: '18' }, { after: 3n }),
      log('gen_ai.user.message', { content: 'Hi' }, { after: 2n }),
      log('gen_ai.system.message', { content: 'Be brief.' }, { after: 1n }),
    ];
    const { input, output } = read({ logRecords });
    expect(input.map(({ role }) => role)).toEqual(['system', 'user', 'tool']);
    expect(input[2]?.parts).toEqual([{ type: 'tool_call_response', id: 'c-1', response: '18' }]);
    expect(output).toEqual([{ ...assistant('Ho'), finishReason: 'stop' }]);
  });

  it('the name may be an attribute', () => {
    const logRecords = [log('', { content: 'Hi' }, { attributes: { 'event.name': 'gen_ai.user.message' } })];
    expect(read({ logRecords }).input).toEqual([user('Hi')]);
  });

  it('whole messages are in one event, and an event that repeats them doubles nothing', () => {
    const attributes = { 'gen_ai.input.messages': MESSAGES, 'gen_ai.system_instructions': [text('Be brief.')] };
    const logRecords = [log(DETAILS, null, { attributes }), log(DETAILS, null, { attributes, after: 1n })];
    expect(read({ logRecords }).input).toEqual([{ role: 'system', parts: [text('Be brief.')] }, user('Hi')]);
  });

  it('of many events, what the first ones said is not gone over with each that follows', () => {
    const logRecords = Array.from({ length: 200 }, (_, at) =>
      log(DETAILS, null, { attributes: { 'gen_ai.input.messages': [user(`one ${at}`), user(`two ${at}`)] } }),
    );
    const written = vi.spyOn(JSON, 'stringify');
    const { input } = conversationOf({ attributes: '{}', events: '[]', scopeName: 'test', logRecords });
    const times = written.mock.calls.length;
    written.mockRestore();
    expect(input).toHaveLength(400);
    expect(times).toBeLessThan(2 * 400);
  });

  it('an event for each item of the answer is the answer', () => {
    const item = (content: string, after: bigint) =>
      log(DETAILS, null, { attributes: { 'gen_ai.output.messages': [assistant(content)] }, after });
    expect(read({ logRecords: [item('two', 2n), item('one', 1n)] }).output).toEqual([
      assistant('one'),
      assistant('two'),
    ]);
  });

  it('what the span has itself is not shown again, and what it lacks is taken from the events', () => {
    const attributes = { 'gen_ai.input.messages': MESSAGES };
    const both = { 'gen_ai.input.messages': MESSAGES, 'gen_ai.output.messages': [assistant('Ho')] };
    const { input, output } = read({ attributes, logRecords: [log(DETAILS, null, { attributes: both })] });
    expect([input, output]).toEqual([[user('Hi')], [assistant('Ho')]]);
  });

  it("the span's own old events are read", () => {
    const events = [
      { name: 'gen_ai.content.prompt', attributes: { 'gen_ai.prompt': '[{"role":"user","content":"Hi"}]' } },
      {
        name: 'gen_ai.content.completion',
        attributes: { 'gen_ai.completion': '[{"role":"assistant","content":"Ho"}]' },
      },
    ];
    expect(read({ events })).toMatchObject({ input: [user('Hi')], output: [assistant('Ho')] });
  });
});

describe('parameters and tools', () => {
  it.each([
    [{ 'gen_ai.request.max_tokens': 50, 'gen_ai.request.top_p': 0.5, 'gen_ai.request.model': 'gpt-4o' }],
    [{ 'llm.invocation_parameters': '{"model":"gpt-4o","max_tokens":50,"top_p":0.5}' }],
    [{ 'ai.settings.maxOutputTokens': 50, 'ai.settings.topP': 0.5 }],
    [{ 'langfuse.observation.model.parameters': '{"max_tokens":50,"top_p":0.5}' }],
  ])('parameters have their conventional names: %j', (attributes) => {
    expect(read({ attributes }).parameters).toEqual({ max_tokens: 50, top_p: 0.5 });
  });

  const SCHEMA = { type: 'object', properties: { city: { type: 'string' } } };
  const TOOL = { name: 'get_weather', parameters: SCHEMA };

  it.each([
    [{ 'gen_ai.tool.definitions': [TOOL] }],
    [{ 'gen_ai.tool.definitions': JSON.stringify([TOOL]) }],
    [{ 'llm.tools.0.tool.json_schema': JSON.stringify(TOOL) }],
    [{ 'llm.request.functions.0.name': 'get_weather', 'llm.request.functions.0.parameters': JSON.stringify(SCHEMA) }],
    [{ 'ai.prompt.tools': [JSON.stringify(TOOL)] }],
    [{ 'llm.invocation_parameters': JSON.stringify({ tools: [TOOL] }) }],
  ])('tools: %j', (attributes) => {
    expect(read({ attributes }).tools).toEqual([TOOL]);
  });
});

describe('bounds', () => {
  it('an index of 99,999,999 makes no slots', () => {
    const attributes = { 'gen_ai.prompt.99999999.content': 'far', 'gen_ai.prompt.0.content': 'Hi' };
    expect(read({ attributes })).toMatchObject({ input: [user('Hi')], truncated: true });
  });

  it('a text beyond a mebibyte is cut, visibly', () => {
    const { input, truncated } = read({ attributes: { 'input.value': 'x'.repeat(3_000_000) } });
    expect([JSON.stringify(input).length < 1_100_000, truncated]).toEqual([true, true]);
  });

  it('a long history is read as messages beyond the bound of the mapping', () => {
    const history = JSON.stringify(Array.from({ length: 100 }, () => ({ role: 'user', content: 'x'.repeat(20_000) })));
    const { input, truncated } = read({ attributes: { 'gen_ai.input.messages': history } });
    expect([input.length, truncated]).toEqual([100, false]);
  });

  it('more parts than anybody reads are left out, visibly', () => {
    const many = JSON.stringify(Array.from({ length: 20_000 }, () => ({ role: 'user', content: 'x' })));
    const { input, truncated } = read({ attributes: { 'gen_ai.input.messages': many } });
    expect([input.length, truncated]).toEqual([10_000, true]);
  });

  it.each([
    ['[', ']'],
    ['{"message":', '}'],
    ['{"parts":[', ']}'],
  ])('nesting of %s ends somewhere, and the result can be written', (open, close) => {
    const attributes = { 'gen_ai.input.messages': `${open.repeat(50_000)}${close.repeat(50_000)}` };
    expect(JSON.stringify(read({ attributes })).length).toBeGreaterThan(10);
  });

  it('keys of prototypes are just keys', () => {
    const attributes = '{"gen_ai.prompt.0.__proto__.content":"x","gen_ai.request.__proto__":{"polluted":1}}';
    const { parameters } = conversationOf({ attributes, events: '[]', scopeName: '', logRecords: [] });
    expect(parameters.polluted).toBeUndefined();
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

describe('JSON that the store has cut', () => {
  const cut = (text: string, chars: number) => `${text.slice(0, chars)} [cut: ${chars} of ${text.length} bytes kept]`;
  const whole = JSON.stringify([
    { role: 'user', parts: [{ type: 'text', content: 'a \\ "b" \u0001' }], n: 12, nothing: null },
    {
      role: 'assistant',
      finish_reason: 'stop',
      parts: [{ type: 'tool_call', id: 'c', name: 'f', arguments: { x: [1.5, true] } }],
    },
    { role: 'user', parts: [{ type: 'text', content: 'the end' }] },
  ]);
  const read1 = (value: string) => read({ attributes: { 'gen_ai.input.messages': value } });

  it('is one raw text, wherever it was cut', () => {
    const all = read1(whole).input;
    // From the first text on: without one, nothing says that they are messages.
    for (let chars = whole.indexOf('a \\'); chars < whole.length; chars++) {
      const { input, truncated } = read1(cut(whole, chars));
      expect(truncated).toBe(true);
      for (const message of input)
        expect(message.parts[0]).not.toMatchObject({ content: expect.stringContaining('"role"') });
      if (chars > whole.indexOf('"assistant"')) expect(input[0]).toEqual(all[0]);
    }
  });

  it('does not say where within a text it was cut', () => {
    const { input } = read1(cut(whole, whole.indexOf(' end')));
    expect(input[2]!.parts).toEqual([text(expect.stringMatching(/^the \[cut: \d+ of \d+ bytes kept\]$/) as never)]);
  });

  it('loses what follows JSON in a text, or a text that only begins like JSON', () => {
    for (const said of ['{"role":"user","content":"x"} and so on', '[see above] and so on', '{{name}}', '[']) {
      const { input } = read1(cut(`${said}${' more'.repeat(9)}`, said.length + 9));
      expect(input).toEqual([user(expect.stringContaining(said) as never)]);
    }
  });

  it('is searched for its end over and over, or in vain', () => {
    for (const said of ['['.repeat(500_000), '{"a":'.repeat(200_000), '["'.padEnd(1_000_000, '\\'), '[{"role":"user'])
      expect(read1(cut(`${said} `, said.length)).input).toHaveLength(1);
  });
});
