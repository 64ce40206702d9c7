// OpenAI's Agents SDK for JavaScript under OpenInference.
import { OpenAIAgentsInstrumentation } from '@arizeai/openinference-instrumentation-openai-agents';
import * as agents from '@openai/agents';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { NodeSDK, tracing } from '@opentelemetry/sdk-node';
import { z } from 'zod';

const sdk = new NodeSDK({ spanProcessors: [new tracing.SimpleSpanProcessor(new OTLPTraceExporter())] });
sdk.start();
const instrumentation = new OpenAIAgentsInstrumentation();
instrumentation.manuallyInstrument(agents);

const getWeather = agents.tool({
  name: 'get_weather',
  description: 'The weather in a city',
  parameters: z.object({ city: z.string() }),
  execute: async () => ({ celsius: 18 }),
});
const ask = (model, question, tools = []) => {
  const agent = new agents.Agent({ name: 'forecaster', instructions: 'Be brief.', model, tools });
  const runner = new agents.Runner({ workflowName: 'answer a customer', groupId: 'conversation-7' });
  return runner.run(agent, question);
};

const CASES = {
  agent: () => ask('gpt-4o-mini', 'What is the weather in Paris?', [getWeather]),
  'cached-tokens': () => ask('gpt-4o-mini', 'Summarise the manual.'),
  failed: () => ask('missing-model', 'Say hello.').catch(() => {}),
};

await CASES[process.argv[2]]();
await sdk.shutdown();
