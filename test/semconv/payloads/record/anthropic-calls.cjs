// The calls of Anthropic's package that are recorded, one a case.
const tools = [
  {
    name: 'get_weather',
    description: 'The weather in a city',
    input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
];

const ask = (content, more) => (anthropic) =>
  anthropic.messages.create({
    model: 'claude-sonnet-4-5',
    max_tokens: 500,
    messages: [{ role: 'user', content }],
    ...more,
  });

exports.calls = {
  chat: ask('Say hello.', { system: 'Be brief.' }),
  stream: async (anthropic) => {
    for await (const _ of await ask('Summarise the manual.', { stream: true })(anthropic));
  },
  'cached-tokens': ask('Summarise the manual.'),
  'cache-write': ask('Remember the manual.'),
  thinking: ask('What is 17 * 23?', { max_tokens: 2000, thinking: { type: 'enabled', budget_tokens: 1024 } }),
  'tool-call': ask('What is the weather in Paris?', { tools }),
  failed: (anthropic) => ask('Say hello.', { model: 'missing-model' })(anthropic).catch(() => undefined),
};
