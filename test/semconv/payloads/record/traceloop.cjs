// Traceloop's SDK: a workflow with a task, a prompt of its registry, and properties of an association.
const traceloop = require('@traceloop/node-server-sdk');
const { OpenAI } = require('openai');
const { calls } = require('./openai-calls.cjs');

traceloop.initialize({
  appName: 'assistant',
  baseUrl: process.env.SINK,
  apiKey: 'fake',
  disableBatch: true,
  silenceInitializationMessage: true,
  traceloopSyncEnabled: false,
  instrumentModules: { openAI: OpenAI },
});

async function main(name) {
  const openai = new OpenAI({ maxRetries: 0 });
  if (name !== 'workflow') await calls[name](openai);
  else {
    await traceloop.withAssociationProperties({ session_id: 'session-7', user_id: 'user-3' }, () =>
      traceloop.withWorkflow({ name: 'answer' }, () => traceloop.withTask({ name: 'greet' }, () => calls.chat(openai))),
    );
  }
  await traceloop.forceFlush();
}

main(process.argv[2]);
