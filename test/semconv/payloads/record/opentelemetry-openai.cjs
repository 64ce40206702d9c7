// OpenTelemetry's instrumentation of the openai package: spans, and the messages as log events.
const { NodeSDK } = require('@opentelemetry/sdk-node');
const { OpenAIInstrumentation } = require('@opentelemetry/instrumentation-openai');
const { trace } = require('@opentelemetry/api');
const { calls } = require('./openai-calls.cjs');

const sdk = new NodeSDK({ instrumentations: [new OpenAIInstrumentation({ captureMessageContent: true })] });
sdk.start();
const { OpenAI } = require('openai');

async function main(name) {
  const openai = new OpenAI({ maxRetries: 0 });
  if (name !== 'session-on-ancestor') await calls[name](openai);
  else {
    await trace.getTracer('shop').startActiveSpan('answer a customer', async (span) => {
      span.setAttributes({ 'session.id': 'session-7', 'user.id': 'user-3' });
      await calls.chat(openai);
      span.end();
    });
  }
  await sdk.shutdown();
}

main(process.argv[2]);
