/** One call of a model, before any instrumentation has told of it. */
import { randomBytes } from 'node:crypto';
import type { Chance } from './chance.js';

export interface Model {
  /** OpenTelemetry's name of it. */
  provider: string;
  name: string;
  responseName: string;
  idPrefix: string;
  firstTokenMs: number;
  tokensPerSecond: number;
  finish: string;
}

const openai = { provider: 'openai', idPrefix: 'chatcmpl-', finish: 'stop' };

export const MODELS = {
  mini: {
    ...openai,
    name: 'gpt-4o-mini',
    responseName: 'gpt-4o-mini-2024-07-18',
    firstTokenMs: 380,
    tokensPerSecond: 95,
  },
  large: { ...openai, name: 'gpt-4o', responseName: 'gpt-4o-2024-08-06', firstTokenMs: 520, tokensPerSecond: 70 },
  nano: {
    ...openai,
    name: 'gpt-4.1-nano',
    responseName: 'gpt-4.1-nano-2025-04-14',
    firstTokenMs: 260,
    tokensPerSecond: 140,
  },
  reasoner: {
    ...openai,
    name: 'o4-mini',
    responseName: 'o4-mini-2025-04-16',
    firstTokenMs: 2600,
    tokensPerSecond: 120,
  },
  claude: {
    provider: 'anthropic',
    name: 'claude-sonnet-4-5',
    responseName: 'claude-sonnet-4-5-20250929',
    idPrefix: 'msg_',
    finish: 'end_turn',
    firstTokenMs: 900,
    tokensPerSecond: 62,
  },
  flash: {
    provider: 'gcp.gemini',
    name: 'gemini-2.5-flash',
    responseName: 'gemini-2.5-flash',
    idPrefix: '',
    finish: 'STOP',
    firstTokenMs: 450,
    tokensPerSecond: 160,
  },
  mistral: {
    provider: 'mistral_ai',
    name: 'mistral-large-latest',
    responseName: 'mistral-large-latest',
    idPrefix: '',
    finish: 'stop',
    firstTokenMs: 480,
    tokensPerSecond: 60,
  },
  /** On machines of their own: nobody has published what it costs. */
  own: {
    provider: 'vllm',
    name: 'acme/contracts-llama-70b',
    responseName: 'acme/contracts-llama-70b',
    idPrefix: 'chatcmpl-',
    finish: 'stop',
    firstTokenMs: 700,
    tokensPerSecond: 34,
  },
} as const satisfies Record<string, Model>;

export const EMBEDDING_MODEL = 'text-embedding-3-small';

export interface Turn {
  role: 'user' | 'assistant' | 'tool';
  text: string;
  /** What an assistant asks for, or what a tool answers to. */
  tool?: ToolUse;
}

export interface ToolUse {
  id: string;
  name: string;
  arguments: Record<string, unknown>;
}

export interface Usage {
  input: number;
  output: number;
  cacheRead: number;
  cacheWrite: number;
  reasoning: number;
}

export interface Call {
  model: Model;
  system: string;
  turns: Turn[];
  answer: Turn;
  usage: Usage;
  temperature: number;
  maxTokens: number;
  responseId: string;
  durationMs: number;
  /** Of a stream. */
  firstTokenMs: number | undefined;
  finish: string;
  error: { type: string; message: string } | undefined;
}

export interface Asked {
  model: Model;
  system: string;
  turns: Turn[];
  answer: Turn;
  streaming?: boolean;
  /** How much of the input the provider has seen a moment before, or keeps for the next call. */
  cached?: 'read' | 'write' | undefined;
  reasoning?: number;
  mayFail?: boolean;
}

const CHARACTERS_PER_TOKEN = 4.2;
const TOKENS_PER_MESSAGE = 4;
/** Providers keep nothing shorter. */
const MIN_CACHED = 1024;
const FAILED = 0.018;

const FAILURES = [
  {
    type: 'RateLimitError',
    message: 'Error code: 429 - Rate limit reached for requests per minute. Try again in 1.2s.',
  },
  { type: 'APITimeoutError', message: 'Request timed out.' },
  { type: 'InternalServerError', message: 'Error code: 529 - Overloaded' },
];

export function freshId(prefix: string): string {
  return prefix + randomBytes(12).toString('hex');
}

export function toolUse(name: string, values: Record<string, unknown>): ToolUse {
  return { id: freshId('call_'), name, arguments: values };
}

export function tokensOf(text: string): number {
  return text === '' ? 0 : Math.ceil(text.length / CHARACTERS_PER_TOKEN) + TOKENS_PER_MESSAGE;
}

function tokensOfTurn({ text, tool }: Turn): number {
  return tokensOf(text) + (tool ? tokensOf(tool.name + JSON.stringify(tool.arguments)) : 0);
}

function usageOf({ system, turns, answer, cached, reasoning = 0 }: Asked): Usage {
  const kept = tokensOf(system);
  const input = turns.reduce((sum, turn) => sum + tokensOfTurn(turn), kept);
  const cacheable = kept >= MIN_CACHED ? kept : 0;
  return {
    input,
    output: tokensOfTurn(answer) + reasoning,
    cacheRead: cached === 'read' ? cacheable : 0,
    cacheWrite: cached === 'write' ? cacheable : 0,
    reasoning,
  };
}

export function callOf(chance: Chance, asked: Asked): Call {
  const { model, system, turns, answer, streaming = false, mayFail = true } = asked;
  const error = mayFail && chance.happens(FAILED) ? chance.pick(FAILURES) : undefined;
  const usage = usageOf(asked);
  const firstTokenMs = chance.spread(model.firstTokenMs);
  const wholeMs = firstTokenMs + (usage.output / chance.spread(model.tokensPerSecond)) * 1000;
  return {
    ...{ model, system, turns, answer, usage, error, temperature: 0.2, maxTokens: 1024 },
    responseId: freshId(model.idPrefix),
    durationMs: error?.type === 'APITimeoutError' ? 30_000 : error ? firstTokenMs : wholeMs,
    firstTokenMs: streaming && !error ? firstTokenMs : undefined,
    finish: answer.tool ? (model.provider === 'anthropic' ? 'tool_use' : 'tool_calls') : model.finish,
  };
}
