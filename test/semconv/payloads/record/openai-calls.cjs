// The calls of the openai package that are recorded, one a case. The fake provider's answers follow from them.
const tools = [
  {
    type: 'function',
    function: {
      name: 'get_weather',
      description: 'The weather in a city',
      parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    },
  },
];

const user = (content) => ({ role: 'user', content });

async function read(stream) {
  for await (const _ of await stream);
}

/** Both calls of a tool's round. */
async function toolRound(openai) {
  const messages = [user('What is the weather in Paris?')];
  const first = await openai.chat.completions.create({ model: 'gpt-4o-mini', messages, tools });
  const { message } = first.choices[0];
  const result = { role: 'tool', tool_call_id: message.tool_calls[0].id, content: '{"celsius":18}' };
  await openai.chat.completions.create({ model: 'gpt-4o-mini', messages: [...messages, message, result], tools });
}

const ask = (model, content, more) => (openai) =>
  openai.chat.completions.create({ model, messages: [user(content)], ...more });

exports.calls = {
  chat: (openai) =>
    openai.chat.completions.create({
      model: 'gpt-4o-mini',
      temperature: 0.2,
      max_tokens: 50,
      messages: [{ role: 'system', content: 'Be brief.' }, user('Say hello.')],
    }),
  stream: (openai) =>
    read(ask('gpt-4o-mini', 'Say hello.', { stream: true, stream_options: { include_usage: true } })(openai)),
  'stream-without-usage': (openai) => read(ask('gpt-4o-mini', 'Say hello.', { stream: true })(openai)),
  'cached-tokens': ask('gpt-4o-mini', 'Summarise the manual.'),
  reasoning: ask('o4-mini', 'What is 17 * 23?', { reasoning_effort: 'low' }),
  audio: ask('gpt-4o-audio-preview', 'Listen to this.'),
  length: ask('gpt-4o-mini', 'Tell me a long story.', { max_tokens: 4 }),
  'tool-call': toolRound,
  image: (openai) =>
    openai.chat.completions.create({
      model: 'gpt-4o-mini',
      messages: [
        user([
          { type: 'text', text: 'Say hello.' },
          { type: 'image_url', image_url: { url: 'https://example.com/pump.png' } },
        ]),
      ],
    }),
  embeddings: (openai) => openai.embeddings.create({ model: 'text-embedding-3-small', input: 'A pump.' }),
  failed: (openai) => ask('missing-model', 'Say hello.')(openai).catch(() => undefined),
  responses: (openai) =>
    openai.responses.create({ model: 'gpt-4o-mini', instructions: 'Be brief.', input: 'Summarise the manual.' }),
  'responses-stream': (openai) =>
    read(openai.responses.create({ model: 'o4-mini', input: 'What is 17 * 23?', stream: true })),
};
