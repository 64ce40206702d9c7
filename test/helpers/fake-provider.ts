/**
 * A model provider to test instrumentations against: the chat completions, responses and embeddings of OpenAI and the
 * messages of Anthropic, as plain JSON and as a stream, and the content that Gemini generates and what Bedrock converses, as
 * plain JSON, with answers and usage that are known beforehand. What is answered follows from the request alone: from the last message of the user,
 * from the tools that are offered.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** As OpenTelemetry counts: `input` includes cached and written tokens, `output` includes reasoning. */
export interface KnownUsage {
  input: number;
  output: number;
  cacheRead?: number;
  cacheWrite?: number;
  reasoning?: number;
  inputAudio?: number;
  outputAudio?: number;
}

export interface KnownAnswer {
  text: string;
  thinking?: string;
  usage: KnownUsage;
  finish?: 'length';
}

/** By the last message of the user. */
export const ANSWERS = {
  'Say hello.': { text: 'Hello there!', usage: { input: 12, output: 3 } },
  'Summarise the manual.': { text: 'It is about pumps.', usage: { input: 1536, output: 28, cacheRead: 1024 } },
  'Remember the manual.': { text: 'I will.', usage: { input: 2068, output: 9, cacheWrite: 2048 } },
  'What is 17 * 23?': {
    text: '391',
    thinking: '17 * 20 is 340, 17 * 3 is 51.',
    usage: { input: 25, output: 220, reasoning: 192 },
  },
  'Listen to this.': { text: 'I heard it.', usage: { input: 52, output: 36, inputAudio: 40, outputAudio: 30 } },
  'Tell me a long story.': { text: 'Once upon a time', usage: { input: 14, output: 4 }, finish: 'length' },
  'Where is Paris?': { text: '{"city":"Paris","country":"France"}', usage: { input: 48, output: 11 } },
} as const satisfies Record<string, KnownAnswer>;

const UNKNOWN_QUESTION: KnownAnswer = ANSWERS['Say hello.'];

/** The first tool that a request offers is called with these, once. */
export const TOOL_CALL = {
  arguments: { city: 'Paris' },
  usage: { input: 60, output: 17 },
} as const;

/** When the last message is a tool's result. */
export const AFTER_TOOL = { text: 'It is 18 degrees in Paris.', usage: { input: 95, output: 9 } } as const;

export const EMBEDDING = { vector: [0.25, -0.5, 0.75, 1], inputTokens: 8 } as const;

/** Asked for by this model; every other one is known. */
export const MISSING_MODEL = 'missing-model';

const RESPONSE_MODELS: Record<string, string> = {
  'gpt-4o-mini': 'gpt-4o-mini-2024-07-18',
  'o4-mini': 'o4-mini-2025-04-16',
  'claude-sonnet-4-5': 'claude-sonnet-4-5-20250929',
};

export function responseModelOf(requestModel: string): string {
  return RESPONSE_MODELS[requestModel] ?? requestModel;
}

export interface FakeProvider {
  readonly origin: string;
  /** For the clients of OpenAI. */
  readonly openaiUrl: string;
  /** For the clients of Anthropic, which add the version by themselves. */
  readonly anthropicUrl: string;
  /** Every request that came, refused ones too. */
  readonly requests: { path: string; body: Loose }[];
  close(): Promise<void>;
}

export interface FakeProviderOptions {
  /** Goes into every id, so that those of two providers differ; the n-th id of one is always the same. */
  seed?: string;
  /** Between the head of a stream and its first piece. */
  firstPieceAfterMs?: number;
}

// biome-ignore lint/suspicious/noExplicitAny: requests are walked by name, like the JSON that they are
type Loose = any;

interface Answer {
  id: (prefix: string) => string;
  model: string;
  text: string;
  thinking: string | undefined;
  tool: string | undefined;
  usage: KnownUsage;
  finish: 'stop' | 'length' | 'tool';
}

/** One server-sent event; without a name it is only data. */
interface Piece {
  event?: string;
  data: unknown;
}

// ---- what is answered ----

function lastOf(messages: Loose[]): Loose {
  return messages.at(-1) ?? {};
}

function textOf(content: Loose): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((part) => part.text ?? '').join('');
}

function isToolResult(message: Loose): boolean {
  if (message.role === 'tool' || message.type === 'function_call_output') return true;
  return Array.isArray(message.content) && message.content.some((part: Loose) => part.type === 'tool_result');
}

function toolOf(request: Loose): string | undefined {
  const tool = request.tools?.[0];
  return tool?.name ?? tool?.function?.name;
}

function known(request: Loose): KnownAnswer & { tool?: string | undefined } {
  const messages = request.messages ?? (Array.isArray(request.input) ? request.input : [{ content: request.input }]);
  const last = lastOf(messages);
  if (isToolResult(last)) return AFTER_TOOL;
  const tool = toolOf(request);
  if (tool !== undefined) return { text: '', usage: TOOL_CALL.usage, tool };
  return (ANSWERS as Record<string, KnownAnswer>)[textOf(last.content)] ?? UNKNOWN_QUESTION;
}

function answerTo(request: Loose, id: Answer['id']): Answer {
  const { text, thinking, usage, finish, tool } = known(request);
  const model = responseModelOf(request.model);
  return { id, model, text, thinking, usage, tool, finish: tool === undefined ? (finish ?? 'stop') : 'tool' };
}

/** In two, as a stream brings a text. */
function halves(text: string): string[] {
  const middle = Math.ceil(text.length / 2);
  return [text.slice(0, middle), text.slice(middle)].filter((half) => half !== '');
}

const TOOL_ARGUMENTS = JSON.stringify(TOOL_CALL.arguments);

// ---- OpenAI chat completions ----

function chatUsage({ input, output, ...of }: KnownUsage) {
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    prompt_tokens_details: { cached_tokens: of.cacheRead ?? 0, audio_tokens: of.inputAudio ?? 0 },
    completion_tokens_details: { reasoning_tokens: of.reasoning ?? 0, audio_tokens: of.outputAudio ?? 0 },
  };
}

const chatFinish = (answer: Answer) => (answer.finish === 'tool' ? 'tool_calls' : answer.finish);

function chatTool(answer: Answer) {
  return { id: answer.id('call_'), type: 'function', function: { name: answer.tool, arguments: TOOL_ARGUMENTS } };
}

function chatMessage(answer: Answer) {
  if (answer.tool !== undefined) return { role: 'assistant', content: null, tool_calls: [chatTool(answer)] };
  return { role: 'assistant', content: answer.text, refusal: null };
}

function chatHead(answer: Answer, object: string) {
  const { model } = answer;
  return {
    id: answer.id('chatcmpl-'),
    object,
    created: CREATED,
    model,
    system_fingerprint: 'fp_fake',
    service_tier: 'default',
  };
}

function chat(answer: Answer) {
  const choice = { index: 0, message: chatMessage(answer), logprobs: null, finish_reason: chatFinish(answer) };
  return { ...chatHead(answer, 'chat.completion'), choices: [choice], usage: chatUsage(answer.usage) };
}

function chatDeltas(answer: Answer): object[] {
  if (answer.tool === undefined) return halves(answer.text).map((content) => ({ content }));
  const { function: called, ...tool } = chatTool(answer);
  const head = { index: 0, ...tool, function: { name: called.name, arguments: '' } };
  const rest = halves(TOOL_ARGUMENTS).map((part) => ({ index: 0, function: { arguments: part } }));
  return [head, ...rest].map((call) => ({ tool_calls: [call] }));
}

function chatPieces(answer: Answer, request: Loose): Piece[] {
  const head = chatHead(answer, 'chat.completion.chunk');
  const chunk = (delta: object, finish: string | null = null) => ({
    ...head,
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
  });
  const chunks: object[] = [chunk({ role: 'assistant', content: answer.tool === undefined ? '' : null })];
  for (const delta of chatDeltas(answer)) chunks.push(chunk(delta));
  chunks.push(chunk({}, chatFinish(answer)));
  if (request.stream_options?.include_usage) chunks.push({ ...head, choices: [], usage: chatUsage(answer.usage) });
  return [...chunks.map((data) => ({ data })), { data: '[DONE]' }];
}

// ---- OpenAI responses ----

function responsesUsage({ input, output, cacheRead, reasoning }: KnownUsage) {
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: cacheRead ?? 0 },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: reasoning ?? 0 },
    total_tokens: input + output,
  };
}

function responsesText(answer: Answer) {
  const content = [{ type: 'output_text', text: answer.text, annotations: [], logprobs: [] }];
  return { id: answer.id('msg_'), type: 'message', status: 'completed', role: 'assistant', content };
}

function responsesTool(answer: Answer) {
  const call = { call_id: answer.id('call_'), name: answer.tool, arguments: TOOL_ARGUMENTS };
  return { id: answer.id('fc_'), type: 'function_call', status: 'completed', ...call };
}

function responsesOutput(answer: Answer): Loose[] {
  const summary = answer.thinking === undefined ? [] : [{ type: 'summary_text', text: answer.thinking }];
  const reasoning = summary.length === 0 ? [] : [{ id: answer.id('rs_'), type: 'reasoning', summary }];
  return [...reasoning, answer.tool === undefined ? responsesText(answer) : responsesTool(answer)];
}

function response(answer: Answer, request: Loose) {
  const cut = answer.finish === 'length';
  return {
    ...{ id: answer.id('resp_'), object: 'response', created_at: CREATED, status: cut ? 'incomplete' : 'completed' },
    ...{ error: null, incomplete_details: cut ? { reason: 'max_output_tokens' } : null },
    ...{ instructions: request.instructions ?? null, max_output_tokens: null, metadata: {}, model: answer.model },
    ...{
      output: responsesOutput(answer),
      parallel_tool_calls: true,
      previous_response_id: null,
      service_tier: 'default',
    },
    ...{ reasoning: { effort: null, summary: null }, store: true, temperature: 1, text: { format: { type: 'text' } } },
    ...{ tool_choice: 'auto', tools: request.tools ?? [], top_p: 1, truncation: 'disabled' },
    ...{ usage: responsesUsage(answer.usage), user: null },
  };
}

function textPieces(item: Loose, index: number): object[] {
  const at = { item_id: item.id, output_index: index, content_index: 0 };
  const [part] = item.content;
  const deltas = halves(part.text).map((delta) => ({ type: 'response.output_text.delta', ...at, delta, logprobs: [] }));
  return [
    { type: 'response.content_part.added', ...at, part: { ...part, text: '' } },
    ...deltas,
    { type: 'response.output_text.done', ...at, text: part.text, logprobs: [] },
    { type: 'response.content_part.done', ...at, part },
  ];
}

function argumentPieces(item: Loose, index: number): object[] {
  const at = { item_id: item.id, output_index: index };
  const deltas = halves(item.arguments).map((delta) => ({
    type: 'response.function_call_arguments.delta',
    ...at,
    delta,
  }));
  return [...deltas, { type: 'response.function_call_arguments.done', ...at, arguments: item.arguments }];
}

const UNFINISHED: Record<string, object> = {
  message: { content: [], status: 'in_progress' },
  function_call: { arguments: '', status: 'in_progress' },
  reasoning: { summary: [] },
};

function itemPieces(item: Loose, index: number): object[] {
  const begun = { ...item, ...UNFINISHED[item.type] };
  const parts = { message: textPieces, function_call: argumentPieces }[item.type as string];
  return [
    { type: 'response.output_item.added', output_index: index, item: begun },
    ...(parts === undefined ? [] : parts(item, index)),
    { type: 'response.output_item.done', output_index: index, item },
  ];
}

function responsePieces(answer: Answer, request: Loose): Piece[] {
  const whole = response(answer, request);
  const begun = { ...whole, status: 'in_progress', output: [], usage: null };
  const pieces: Loose[] = [
    { type: 'response.created', response: begun },
    { type: 'response.in_progress', response: begun },
    ...whole.output.flatMap(itemPieces),
    { type: `response.${whole.status}`, response: whole },
  ];
  return pieces.map((data, at) => ({ event: data.type, data: { ...data, sequence_number: at } }));
}

// ---- OpenAI embeddings ----

function encoded(vector: readonly number[], format: string | undefined): unknown {
  return format === 'base64' ? Buffer.from(Float32Array.from(vector).buffer).toString('base64') : vector;
}

function embeddings(request: Loose) {
  const inputs = Array.isArray(request.input) ? request.input : [request.input];
  const embedding = encoded(EMBEDDING.vector, request.encoding_format);
  const data = inputs.map((_: unknown, index: number) => ({ object: 'embedding', index, embedding }));
  const tokens = EMBEDDING.inputTokens * inputs.length;
  return { object: 'list', data, model: request.model, usage: { prompt_tokens: tokens, total_tokens: tokens } };
}

// ---- Anthropic messages ----

/** Anthropic counts what it read from and wrote to its cache beside the input, not in it. */
function messagesUsage({ input, output, cacheRead = 0, cacheWrite = 0 }: KnownUsage) {
  return {
    input_tokens: input - cacheRead - cacheWrite,
    cache_creation_input_tokens: cacheWrite,
    cache_read_input_tokens: cacheRead,
    cache_creation: { ephemeral_5m_input_tokens: cacheWrite, ephemeral_1h_input_tokens: 0 },
    output_tokens: output,
    service_tier: 'standard',
  };
}

function messagesContent(answer: Answer): Loose[] {
  if (answer.tool !== undefined) {
    return [{ type: 'tool_use', id: answer.id('toolu_'), name: answer.tool, input: TOOL_CALL.arguments }];
  }
  const { thinking } = answer;
  const before = thinking === undefined ? [] : [{ type: 'thinking', thinking, signature: 'c2lnbmVk' }];
  return [...before, { type: 'text', text: answer.text }];
}

const STOP_REASONS = { stop: 'end_turn', length: 'max_tokens', tool: 'tool_use' } as const;

function message(answer: Answer) {
  const ends = { stop_reason: STOP_REASONS[answer.finish], stop_sequence: null };
  const head = { id: answer.id('msg_'), type: 'message', role: 'assistant', model: answer.model };
  return { ...head, content: messagesContent(answer), ...ends, usage: messagesUsage(answer.usage) };
}

const BLOCKS: Record<string, { empty: object; deltas: (block: Loose) => object[] }> = {
  text: { empty: { text: '' }, deltas: ({ text }) => halves(text).map((half) => ({ type: 'text_delta', text: half })) },
  thinking: {
    empty: { thinking: '', signature: '' },
    deltas: ({ thinking, signature }) => [
      ...halves(thinking).map((half) => ({ type: 'thinking_delta', thinking: half })),
      { type: 'signature_delta', signature },
    ],
  },
  tool_use: {
    empty: { input: {} },
    deltas: ({ input }) =>
      halves(JSON.stringify(input)).map((half) => ({ type: 'input_json_delta', partial_json: half })),
  },
};

function blockPieces(block: Loose, index: number): object[] {
  const { empty, deltas } = BLOCKS[block.type]!;
  return [
    { type: 'content_block_start', index, content_block: { ...block, ...empty } },
    ...deltas(block).map((delta) => ({ type: 'content_block_delta', index, delta })),
    { type: 'content_block_stop', index },
  ];
}

function messagePieces(answer: Answer): Piece[] {
  const { stop_reason, stop_sequence, ...whole } = message(answer);
  const begun = { ...whole, content: [], stop_reason: null, stop_sequence: null };
  const pieces: Loose[] = [
    { type: 'message_start', message: { ...begun, usage: { ...whole.usage, output_tokens: 1 } } },
    ...whole.content.flatMap(blockPieces),
    // The count of a message_delta is the whole one so far, not what is added.
    {
      type: 'message_delta',
      delta: { stop_reason, stop_sequence },
      usage: { output_tokens: whole.usage.output_tokens },
    },
    { type: 'message_stop' },
  ];
  return pieces.map((data) => ({ event: data.type, data }));
}

// ---- Gemini ----

const GEMINI = /^\/v1(?:beta)?\/models\/([^/:]+):generateContent$/;

/** Its model stands in the path, and its tools are groups. */
function withGeminiModel(request: Loose, path: string): Loose {
  const model = GEMINI.exec(path)?.[1];
  if (model === undefined) return request;
  const tools = (request.tools ?? []).flatMap((group: Loose) => group.functionDeclarations ?? []);
  return { model, messages: (request.contents ?? []).map(geminiMessage), tools };
}

function geminiMessage({ role, parts }: Loose) {
  return parts.some((part: Loose) => part.functionResponse) ? { role: 'tool' } : { role, content: parts };
}

const GEMINI_FINISH = { stop: 'STOP', length: 'MAX_TOKENS', tool: 'STOP' } as const;

/** The candidates are counted without the thoughts. */
function geminiUsage({ input, output, cacheRead = 0, reasoning = 0 }: KnownUsage) {
  const counts = { promptTokenCount: input, candidatesTokenCount: output - reasoning, totalTokenCount: input + output };
  return { ...counts, cachedContentTokenCount: cacheRead, thoughtsTokenCount: reasoning };
}

function geminiContent(answer: Answer) {
  const { tool, text } = answer;
  const part = tool === undefined ? { text } : { functionCall: { name: tool, args: TOOL_CALL.arguments } };
  const candidate = { content: { role: 'model', parts: [part] }, finishReason: GEMINI_FINISH[answer.finish], index: 0 };
  const ids = { modelVersion: answer.model, responseId: answer.id('gemini-') };
  return { candidates: [candidate], usageMetadata: geminiUsage(answer.usage), ...ids };
}

// ---- Bedrock ----

const BEDROCK = /^\/model\/([^/]+)\/(converse|invoke)$/;

/** Its model stands in the path; what is invoked is asked in its maker's way. */
function withBedrockModel(request: Loose, path: string): Loose {
  const model = decodeURIComponent(BEDROCK.exec(path)?.[1] ?? '');
  if (model === '') return request;
  const tools = request.toolConfig?.tools?.map((tool: Loose) => tool.toolSpec);
  return { ...request, model, tools: tools ?? request.tools };
}

function converseUsage({ input, output, cacheRead = 0, cacheWrite = 0 }: KnownUsage) {
  const inputTokens = input - cacheRead - cacheWrite;
  const cached = { cacheReadInputTokens: cacheRead, cacheWriteInputTokens: cacheWrite };
  return { inputTokens, outputTokens: output, totalTokens: input + output, ...cached };
}

function converse(answer: Answer) {
  const { tool, text } = answer;
  const toolUse = { toolUseId: answer.id('tooluse_'), name: tool, input: TOOL_CALL.arguments };
  const content = [tool === undefined ? { text } : { toolUse }];
  const stopReason = STOP_REASONS[answer.finish];
  return {
    output: { message: { role: 'assistant', content } },
    stopReason,
    usage: converseUsage(answer.usage),
    metrics: { latencyMs: 120 },
  };
}

const BEDROCK_MISSING = { message: 'The provided model identifier is invalid.' };

// ---- the server ----

/** 2026-11-21T12:00:00Z, in seconds. */
const CREATED = 1_795_262_400;

interface Endpoint {
  whole: (answer: Answer, request: Loose) => unknown;
  pieces?: (answer: Answer, request: Loose) => Piece[];
  missing: object;
}

const OPENAI_MISSING = {
  error: {
    message: `The model \`${MISSING_MODEL}\` does not exist or you do not have access to it.`,
    type: 'invalid_request_error',
    param: null,
    code: 'model_not_found',
  },
};

const ANTHROPIC_MISSING = {
  type: 'error',
  error: { type: 'not_found_error', message: `model: ${MISSING_MODEL}` },
  request_id: 'req_fake',
};

const GEMINI_MISSING = {
  error: { code: 404, message: `models/${MISSING_MODEL} is not found`, status: 'NOT_FOUND' },
};

const GEMINI_ENDPOINT: Endpoint = { whole: geminiContent, missing: GEMINI_MISSING };
const BEDROCK_ENDPOINTS: Record<string, Endpoint> = {
  converse: { whole: converse, missing: BEDROCK_MISSING },
  invoke: { whole: message, missing: BEDROCK_MISSING },
};
const ENDPOINTS: Record<string, Endpoint> = {
  '/v1/chat/completions': { whole: chat, pieces: chatPieces, missing: OPENAI_MISSING },
  '/v1/responses': { whole: response, pieces: responsePieces, missing: OPENAI_MISSING },
  '/v1/embeddings': { whole: (_, request) => embeddings(request), missing: OPENAI_MISSING },
  '/v1/messages': { whole: message, pieces: messagePieces, missing: ANTHROPIC_MISSING },
};

function endpointAt(path: string): Endpoint | undefined {
  const operation = BEDROCK.exec(path)?.[2];
  if (operation !== undefined) return BEDROCK_ENDPOINTS[operation];
  return GEMINI.test(path) ? GEMINI_ENDPOINT : ENDPOINTS[path];
}

function sendJson(out: ServerResponse, status: number, body: unknown): void {
  out.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function pieceText({ event, data }: Piece): string {
  const text = typeof data === 'string' ? data : JSON.stringify(data);
  return `${event === undefined ? '' : `event: ${event}\n`}data: ${text}\n\n`;
}

async function sendStream(out: ServerResponse, pieces: readonly Piece[], firstPieceAfterMs: number): Promise<void> {
  out.writeHead(200, { 'content-type': 'text/event-stream' });
  out.flushHeaders();
  await sleep(firstPieceAfterMs);
  for (const piece of pieces) out.write(pieceText(piece));
  out.end();
}

async function bodyOf(request: IncomingMessage): Promise<Loose> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString('utf8') || '{}');
}

/** Ids of one answer: one for each prefix. */
function idsOf(seed: string, answers: number): Answer['id'] {
  return (prefix) => prefix + createHash('sha256').update(`${seed}/${prefix}/${answers}`).digest('hex').slice(0, 24);
}

export async function startFakeProvider(options: FakeProviderOptions = {}): Promise<FakeProvider> {
  const { seed = '', firstPieceAfterMs = 0 } = options;
  const requests: FakeProvider['requests'] = [];
  const serve = async (incoming: IncomingMessage, out: ServerResponse) => {
    const path = new URL(incoming.url ?? '/', 'http://provider').pathname;
    const body = await bodyOf(incoming);
    requests.push({ path, body });
    const request = withBedrockModel(withGeminiModel(body, path), path);
    const endpoint = endpointAt(path);
    if (endpoint === undefined) return sendJson(out, 404, { error: { message: `no ${path} here` } });
    if (request.model === MISSING_MODEL) return sendJson(out, 404, endpoint.missing);
    const answer = answerTo(request, idsOf(seed, requests.length));
    if (!request.stream || endpoint.pieces === undefined) return sendJson(out, 200, endpoint.whole(answer, request));
    return sendStream(out, endpoint.pieces(answer, request), firstPieceAfterMs);
  };
  const server = createServer((incoming, out) => serve(incoming, out).catch(() => out.destroy()));
  const origin = await listen(server);
  return { origin, openaiUrl: `${origin}/v1`, anthropicUrl: origin, requests, close: () => close(server) };
}

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function close(server: Server): Promise<void> {
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
}
