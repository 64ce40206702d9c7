// The Vercel AI SDK: 4, 5 and 6 with their experimental telemetry, 7 with its integration for OpenTelemetry.
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { NodeSDK, tracing } from '@opentelemetry/sdk-node';
import * as ai from 'ai';
import { z } from 'zod';

const [name] = process.argv.slice(2);
const exporter = process.env.OTLP_AS === 'json' ? new JsonExporter() : new OTLPTraceExporter();
const sdk = new NodeSDK({ spanProcessors: [new tracing.BatchSpanProcessor(exporter)] });
sdk.start();

const { OPENAI_BASE_URL, ANTHROPIC_BASE_URL, VERCEL_AI } = process.env;
const openai = createOpenAI({
  baseURL: OPENAI_BASE_URL,
  compatibility: name === 'stream-without-usage' ? 'compatible' : 'strict',
});
const anthropic = createAnthropic({ baseURL: `${ANTHROPIC_BASE_URL}/v1` });
const gpt = openai.chat('gpt-4o-mini');
if (VERCEL_AI === '7') {
  const { OpenTelemetry } = await import('@ai-sdk/otel');
  ai.registerTelemetry(new OpenTelemetry({ runtimeContext: process.env.CONTEXT === 'sent' }));
}
const included = (context) => Object.fromEntries(Object.keys(context).map((key) => [key, true]));
/** Version 7 has a context instead of metadata, and sends of it what is asked for. */
const contextOf = (metadata) => metadata && { runtimeContext: metadata };
const telemetry = (functionId, metadata) => ({
  ...(VERCEL_AI === '7'
    ? {
        telemetry: { functionId, ...(metadata && { includeRuntimeContext: included(metadata) }) },
        ...contextOf(metadata),
      }
    : { experimental_telemetry: { isEnabled: true, functionId, ...(metadata && { metadata }) } }),
  maxRetries: 0,
});

const parameters = z.object({ city: z.string() });
const getWeather = {
  description: 'The weather in a city',
  ...(VERCEL_AI === '4' ? { parameters } : { inputSchema: parameters }),
  execute: async () => ({ celsius: 18 }),
};
const twoSteps = VERCEL_AI === '4' ? { maxSteps: 2 } : { stopWhen: ai.stepCountIs?.(2) };
const askWeather = { model: gpt, prompt: 'What is the weather in Paris?', tools: { getWeather }, ...twoSteps };
const turn = {
  sessionId: 'session-7',
  userId: 'user-3',
  tags: ['shop', 'beta'],
  langfusePrompt: JSON.stringify({ name: 'greeting', version: 4, isFallback: false }),
};

async function read(result) {
  for await (const _ of result.textStream);
}

const CASES = {
  'generate-text': () =>
    ai.generateText({ model: gpt, system: 'Be brief.', prompt: 'Say hello.', ...telemetry('greet', turn) }),
  'stream-text': () => read(ai.streamText({ model: gpt, prompt: 'Say hello.', ...telemetry('greet') })),
  'stream-without-usage': () => read(ai.streamText({ model: gpt, prompt: 'Say hello.', ...telemetry('greet') })),
  'cached-tokens': () => ai.generateText({ model: gpt, prompt: 'Summarise the manual.', ...telemetry('summarise') }),
  reasoning: () =>
    ai.generateText({ model: openai.responses('o4-mini'), prompt: 'What is 17 * 23?', ...telemetry('think') }),
  'tool-steps': () => ai.generateText({ ...askWeather, ...telemetry('weather') }),
  'stream-tool-steps': () => read(ai.streamText({ ...askWeather, ...telemetry('weather') })),
  'generate-object': () =>
    ai.generateObject({
      model: gpt,
      schema: z.object({ city: z.string(), country: z.string() }),
      prompt: 'Where is Paris?',
      ...telemetry('locate'),
    }),
  embed: () => ai.embed({ model: openai.embedding('text-embedding-3-small'), value: 'A pump.', ...telemetry('index') }),
  failed: () =>
    ai
      .generateText({ model: openai.chat('missing-model'), prompt: 'Say hello.', ...telemetry('greet') })
      .catch(() => {}),
  'anthropic-cached-tokens': () =>
    ai.generateText({
      model: anthropic('claude-sonnet-4-5'),
      prompt: 'Summarise the manual.',
      ...telemetry('summarise'),
    }),
  'anthropic-cache-write': () =>
    ai.generateText({
      model: anthropic('claude-sonnet-4-5'),
      prompt: 'Remember the manual.',
      ...telemetry('remember'),
    }),
};

await CASES[name]();
await sdk.shutdown();
