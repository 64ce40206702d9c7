/** A review of contracts (Python, Langfuse's SDK, generations filled in by hand): a model of one's own, without a price. */
import { Application, type Scope } from '../application.js';
import { callOf, MODELS, type Turn } from '../call.js';
import { withLangfuse } from '../instrumentations.js';
import type { Setting } from '../setting.js';

const SYSTEM =
  'You review supply contracts for the buyer. Name each clause that is unusual, quote it, and say what would be usual.';

const CLAUSES: readonly (readonly [clause: string, review: string])[] = [
  [
    '§ 7 The supplier may change prices with two weeks’ notice by e-mail.',
    'Unusual: "two weeks’ notice". Usual are three months, in writing, and a right to end the contract when prices rise by more than five percent.',
  ],
  [
    '§ 12 Liability is limited to the value of the single order, also for gross negligence.',
    'Unusual: the limit "also for gross negligence" is void in most places and should be struck out; usual is a limit for slight negligence alone.',
  ],
  [
    '§ 4 Goods count as accepted if no defect is reported within 24 hours.',
    'Unusual: 24 hours. Usual are seven working days for what can be seen, and one year for hidden defects.',
  ],
  [
    '§ 15 This contract renews itself for three years unless it is ended twelve months before.',
    'Unusual: both terms. Usual is a renewal for one year, ended three months before.',
  ],
  [
    '§ 9 Delivery ex works, transport at the buyer’s risk.',
    'Nothing unusual: that is EXW of the Incoterms. Check the insurance of the carrier.',
  ],
];

const LANGFUSE: Scope = { name: 'langfuse-sdk', version: '5.0.4' };
const CONTRACTS = 20;
/** The rest is compared with a model that everybody can call. */
const OWN = 0.8;

type Own = Record<string, string | string[]>;

function review(setting: Setting, app: Application, own: Own, startMs: number): number {
  const { chance, examples } = setting;
  const [clause, text] = chance.pick(CLAUSES);
  const prompt = { 'langfuse.observation.prompt.name': 'contracts-review', 'langfuse.observation.prompt.version': 4 };
  const model = chance.happens(OWN) ? MODELS.own : MODELS.claude;
  const turns: Turn[] = [{ role: 'user', text: clause }];
  const asked = { model, system: SYSTEM, turns, answer: { role: 'assistant', text } as const };
  const call = callOf(chance, { ...asked, streaming: true });
  const attributes = { ...own, 'langfuse.observation.type': 'span', 'langfuse.internal.is_app_root': true };
  return app.record({ scope: LANGFUSE, name: 'review-contract', attributes, startMs }, (parent) => {
    const told = withLangfuse('review-clause', { ...own, ...prompt })(app, call, { parent, startMs: startMs + 2 });
    if (model === MODELS.own && !call.error) examples.unpriced = told.ids;
    return { endMs: told.endMs + 1 };
  });
}

export function recordContracts(setting: Setting): Application[] {
  const { chance, day, run, users } = setting;
  const of = { service: 'contract-review', version: '0.9.4', language: 'python' } as const;
  const app = new Application({
    ...of,
    resource: { 'langfuse.environment': 'production', 'langfuse.release': '0.9.4' },
  });
  for (let at = 0; at < CONTRACTS; at++) {
    const own = {
      'session.id': `contract-${run}-${at}`,
      'user.id': users[at % 6]!,
      'langfuse.trace.name': 'review-contract',
      'langfuse.trace.tags': ['legal', chance.pick(['supply', 'lease'])],
      'langfuse.environment': 'production',
    };
    let startMs = day.visit();
    const clauses = chance.between(2, 7);
    for (let clause = 0; clause < clauses; clause++) startMs = review(setting, app, own, startMs) + 400;
  }
  return [app];
}
