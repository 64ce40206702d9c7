// Langfuse's JS SDK 5: its drop-in for openai, and observations of one's own.
import { observeOpenAI } from '@langfuse/openai';
import { LangfuseSpanProcessor } from '@langfuse/otel';
import { propagateAttributes, startActiveObservation, startObservation } from '@langfuse/tracing';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { OpenAI } from 'openai';
import openaiCalls from './openai-calls.cjs';

const processor = new LangfuseSpanProcessor({
  publicKey: 'pk-lf-fake',
  secretKey: 'sk-lf-fake',
  baseUrl: process.env.SINK,
  environment: 'staging',
  release: 'r12',
});
const sdk = new NodeSDK({ spanProcessors: [processor] });
sdk.start();

const [name] = process.argv.slice(2);
const prompt = { name: 'greeting', version: 4, isFallback: false };
const client = (config) => observeOpenAI(new OpenAI({ maxRetries: 0 }), config);

/** A generation that a person fills in, in Anthropic's way of counting: apart. */
function byHand() {
  const generation = startObservation(
    'remember',
    { model: 'claude-sonnet-4-5', input: [{ role: 'user', content: 'Remember the manual.' }] },
    { asType: 'generation' },
  );
  generation.update({
    output: { role: 'assistant', content: 'I will.' },
    usageDetails: { input: 20, output: 9, cache_creation_input_tokens: 2048, cache_read_input_tokens: 0 },
    costDetails: { total: 0.007875 },
  });
  generation.end();
}

async function session() {
  const about = { sessionId: 'session-7', userId: 'user-3', tags: ['shop', 'beta'], traceName: 'answer' };
  await startActiveObservation('answer a customer', async (span) => {
    await propagateAttributes(about, async () => {
      span.update({ input: 'hello?' });
      await openaiCalls.calls.chat(client({ langfusePrompt: prompt }));
    });
  });
}

const CASES = { 'by-hand': byHand, session };
await (CASES[name] ?? (() => openaiCalls.calls[name](client())))();
await processor.forceFlush();
await sdk.shutdown();
