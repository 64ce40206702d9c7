/** Search in manuals (Python, OpenInference): a chain of an embedding, a retriever, a reranker and a call of a model. */
import type { Context } from '@opentelemetry/api';
import { Application, type Scope } from '../application.js';
import { callOf, EMBEDDING_MODEL, MODELS, type Turn, tokensOf } from '../call.js';
import { withOpenInference } from '../instrumentations.js';
import type { Setting } from '../setting.js';

const PASSAGES = [
  'The pump starts only when both the float switch and the pressure switch are closed. If it hums without turning, cut the power and turn the shaft by hand with a 5 mm hex key through the opening in the fan cover.',
  'Error E04 stands for a dry run: less than 0.3 bar for 20 seconds. The controller tries again after 1, 5, 20 and 60 minutes, and stops for good after the fourth time. Hold RESET for three seconds.',
  'The pressure vessel is filled with air to 0.2 bar below the switch-on pressure, measured while the water side is empty. Check it twice a year. A vessel whose membrane leaks makes the pump start every few seconds.',
  'Frost: empty the housing through the plug at the bottom, the pipe through the tap at the lowest point. Antifreeze must never be filled into a system for drinking water.',
  'The seal of the shaft is a part that wears. Some drops an hour are normal in the first week. Order number 4711-22 for pumps up to 2019, 4711-30 for later ones; the difference is the spring.',
  'Connect the heating curve at the controller: slope 1.2 for radiators, 0.4 for floors. A room that is too cold only when it is freezing outside needs a steeper slope; one that is always too cold, a higher level.',
  'Noises at night come mostly from air in the pipes. Vent the highest point first, then each radiator from below to above, with the pump switched off, and refill to 1.5 bar.',
  'The warranty lasts five years for the housing and two for electric parts, from the date on the invoice. It ends when parts of other makers were built in.',
];

const QUESTIONS: readonly (readonly [question: string, answer: string])[] = [
  [
    'The pump hums but does not turn. What can I do?',
    'Cut the power, then turn the shaft by hand with a 5 mm hex key through the opening in the fan cover. If it turns freely, check that the float switch and the pressure switch are closed before you switch it on again.',
  ],
  [
    'What does E04 on the display mean?',
    'E04 is a dry run: the pressure stayed below 0.3 bar for 20 seconds. After the fourth try the controller stops for good; hold RESET for three seconds once there is water again.',
  ],
  [
    'Pump starts every few seconds, is it broken?',
    'Most likely the membrane of the pressure vessel leaks, or its air is lost. Empty the water side and fill air to 0.2 bar below the switch-on pressure; if it does not hold, the vessel has to be replaced.',
  ],
  [
    'How do I prepare the system for winter?',
    'Empty the housing through the plug at its bottom and the pipe through the tap at the lowest point. Never use antifreeze in a system for drinking water.',
  ],
  [
    'Which seal do I order for a pump of 2021?',
    'Order number 4711-30, which is for pumps from 2020 on. Some drops an hour in the first week after the change are normal.',
  ],
  [
    'Bedroom is cold only on freezing days',
    'Make the heating curve steeper, by 0.1 at a time: slope 1.2 is usual for radiators, 0.4 for floors. Wait a day after each step.',
  ],
  [
    'Gurgling at night',
    'That is air in the pipes. Switch the pump off, vent the highest point first, then each radiator from below to above, and refill to 1.5 bar.',
  ],
  [
    'Is the controller still under warranty after three years?',
    'No: electric parts have a warranty of two years from the date on the invoice. The housing has five.',
  ],
];

export const KNOWLEDGE_TEMPLATE = `Answer from these passages alone, and name the one that you used.\n\n{{passages}}\n\nQuestion: {{question}}`;

const LANGCHAIN: Scope = { name: 'openinference.instrumentation.langchain', version: '0.1.80' };
const LLAMA: Scope = { name: 'openinference.instrumentation.llama_index', version: '4.3.9' };
const VISITS = 85;
const FOUND = 4;

interface Question {
  app: Application;
  own: Record<string, string>;
  question: string;
  passages: string[];
  parent: Context;
}

function documentsOf(
  side: string,
  passages: readonly string[],
  scores: readonly number[],
): Record<string, string | number> {
  const entries = passages.flatMap((passage, at) => [
    [`${side}.documents.${at}.document.id`, `manual-${PASSAGES.indexOf(passage) + 1}`],
    [`${side}.documents.${at}.document.content`, passage],
    [`${side}.documents.${at}.document.score`, scores[at]!],
  ]);
  return Object.fromEntries(entries);
}

function embed({ chance }: Setting, { app, own, question, parent }: Question, startMs: number): number {
  const attributes = {
    ...own,
    'openinference.span.kind': 'EMBEDDING',
    'embedding.model_name': EMBEDDING_MODEL,
    'embedding.embeddings.0.embedding.text': question,
    'llm.token_count.prompt': tokensOf(question),
    'llm.token_count.total': tokensOf(question),
    'llm.system': 'openai',
    'input.value': question,
  };
  const work = { scope: LLAMA, name: 'OpenAIEmbedding.get_query_embedding', attributes, parent, startMs };
  return app.record(work, () => ({ endMs: startMs + chance.spread(120) }));
}

function retrieve(setting: Setting, question: Question, startMs: number): number {
  const { chance } = setting;
  const { app, own, passages, parent } = question;
  const attributes = { ...own, 'openinference.span.kind': 'RETRIEVER', 'input.value': question.question };
  return app.record({ scope: LLAMA, name: 'VectorIndexRetriever.retrieve', attributes, parent, startMs }, (context) => {
    const endMs = embed(setting, { ...question, parent: context }, startMs + 1) + chance.spread(35);
    const scores = passages.map((_, at) => Number((0.86 - at * 0.07 - chance.share() * 0.03).toFixed(4)));
    return { endMs, attributes: documentsOf('retrieval', passages, scores) };
  });
}

function rerank({ chance }: Setting, { app, own, question, passages, parent }: Question, startMs: number): number {
  const scores = passages.map((_, at) => Number((0.97 / (at + 1)).toFixed(4)));
  const attributes = {
    ...own,
    'openinference.span.kind': 'RERANKER',
    'reranker.model_name': 'rerank-v3.5',
    'reranker.query': question,
    'reranker.top_k': 2,
    ...documentsOf('reranker.output', passages.slice(0, 2), scores),
  };
  const work = { scope: LLAMA, name: 'CohereRerank.postprocess_nodes', attributes, parent, startMs };
  return app.record(work, () => ({ endMs: startMs + chance.spread(210) }));
}

function passagesFor({ chance }: Setting, question: string): string[] {
  const best = PASSAGES[QUESTIONS.findIndex(([asked]) => asked === question)]!;
  const others = PASSAGES.filter((passage) => passage !== best);
  return [best, ...others.slice(chance.between(0, 3))].slice(0, FOUND);
}

function ask(setting: Setting, app: Application, own: Record<string, string>, startMs: number): number {
  const { chance } = setting;
  const [question, text] = chance.pick(QUESTIONS);
  const passages = passagesFor(setting, question);
  const system = `Answer from these passages alone, and name the one that you used.\n\n${passages.slice(0, 2).join('\n\n')}`;
  const turns: Turn[] = [{ role: 'user', text: question }];
  const model = chance.happens(0.5) ? MODELS.flash : MODELS.large;
  const call = callOf(chance, { model, system, turns, answer: { role: 'assistant', text } });
  const attributes = { ...own, 'openinference.span.kind': 'CHAIN', 'input.value': question, 'output.value': text };
  return app.record({ scope: LANGCHAIN, name: 'RetrievalQA', attributes, startMs }, (parent) => {
    const asked = { app, own, question, passages, parent };
    const found = rerank(setting, asked, retrieve(setting, asked, startMs + 2) + 1);
    const prompt = {
      'llm.prompt_template.template': KNOWLEDGE_TEMPLATE,
      'llm.prompt_template.version': '3.1.0',
      'llm.prompt_template.variables': JSON.stringify({ question }),
      'prompt.id': 'manual-search',
    };
    const told = withOpenInference({ ...own, ...prompt })(app, call, { parent, startMs: found + 1 });
    return { endMs: told.endMs + 1, error: call.error };
  });
}

export function recordKnowledge(setting: Setting): Application[] {
  const { chance, day, run, users } = setting;
  const of = { service: 'manual-search', environment: 'production', language: 'python' } as const;
  const app = new Application({ ...of, version: '2.2.0' });
  for (let at = 0; at < VISITS; at++) {
    const own = {
      'session.id': `search-${run}-${at}`,
      'user.id': chance.pick(users),
      metadata: JSON.stringify({ channel: chance.pick(['web', 'app', 'partner']) }),
    };
    let startMs = day.visit();
    const questions = chance.between(1, 4);
    for (let asked = 0; asked < questions; asked++) {
      startMs = ask(setting, app, own, startMs) + chance.between(10_000, 60_000);
    }
  }
  return [app];
}
