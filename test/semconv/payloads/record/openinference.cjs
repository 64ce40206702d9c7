// OpenInference's instrumentations of the openai and @anthropic-ai/sdk packages.
const { SimpleSpanProcessor } = require('@opentelemetry/sdk-node').tracing;
const { NodeSDK } = require('@opentelemetry/sdk-node');
const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-proto');
const { OpenAIInstrumentation } = require('@arizeai/openinference-instrumentation-openai');
const { context } = require('@opentelemetry/api');
const core = require('@arizeai/openinference-core');
const { calls } = require('./openai-calls.cjs');

const sdk = new NodeSDK({ spanProcessors: [new SimpleSpanProcessor(new OTLPTraceExporter())] });
sdk.start();
const { OpenAI } = require('openai');
new OpenAIInstrumentation().manuallyInstrument(OpenAI);

/** Everything that OpenInference carries in the context. */
function aboutTheTurn() {
  let about = core.setSession(context.active(), { sessionId: 'session-7' });
  about = core.setUser(about, { userId: 'user-3' });
  about = core.setTags(about, ['shop', 'beta']);
  about = core.setMetadata(about, { release: 'r12' });
  return core.setPromptTemplate(about, {
    template: 'Say {what}.',
    version: 'v7',
    variables: { what: 'hello' },
  });
}

async function main(name) {
  const openai = new OpenAI({ maxRetries: 0 });
  if (name === 'session') await context.with(aboutTheTurn(), () => calls.chat(openai));
  else await calls[name](openai);
  await sdk.shutdown();
}

main(process.argv[2]);
