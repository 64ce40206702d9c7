/**
 * Answers from an employee handbook (Python, OpenTelemetry's current conventions with the content on the span): streams of
 * Claude, the handbook in the provider's cache, and the prompt named by the application.
 */
import { SpanKind } from '@opentelemetry/api';
import { Application, type Scope } from '../application.js';
import { callOf, MODELS } from '../call.js';
import { withContent } from '../instrumentations.js';
import type { Setting } from '../setting.js';

const CHAPTERS: readonly (readonly [title: string, text: string])[] = [
  [
    'Leave',
    'Everybody has 28 days of leave a year, and two more from the fifth year on. Days that are left at the end of the year can be taken until 31 March. Leave of more than ten days in a row is asked for six weeks ahead. Whoever falls ill on leave gets those days back with a certificate.',
  ],
  [
    'Travel',
    'Trains are booked in second class, above four hours in first. Flights need a reason why no train will do. Hotels are paid up to 140 EUR a night, in London, Paris and Zürich up to 190 EUR. Meals are paid as a flat rate of 28 EUR a day; breakfast at the hotel takes 5.60 EUR off.',
  ],
  [
    'Expenses',
    'Receipts are photographed and sent within 30 days. Above 250 EUR somebody else has to agree before the money is spent. Paid out is on the 15th and on the last working day. Tips are paid up to ten percent when they stand on the receipt. Parking fines are never paid.',
  ],
  [
    'Remote work',
    'Up to three days a week from anywhere in the country, and 20 days a year from anywhere in the EU. Team days are on Tuesday. A desk, a chair and a screen are ours and come to your home. Work from outside the EU needs the agreement of the people team, because of taxes.',
  ],
  [
    'Illness',
    'Tell your team before nine. From the fourth day on a certificate is needed. Children: ten days a year for each child, 20 for single parents. After six weeks the health insurance pays, and the people team calls to plan the return step by step.',
  ],
  [
    'Security',
    'Disks are encrypted, screens lock after five minutes, and secrets live in the vault, never in chats or tickets. Lost devices are reported within the hour, at any time of day, under the number on your badge. Nobody from IT ever asks for a password.',
  ],
  [
    'Learning',
    'Every person has 1,200 EUR and five days a year for learning, books not counted. Conferences where you speak are paid on top. Language courses happen on Wednesday and Thursday, in working time. What you learn is shown to the others in a brown-bag lunch.',
  ],
  [
    'Parental leave',
    'Up to three years for each child until it is eight, of which one at a time can be taken without agreement. It is announced seven weeks ahead. Working 15 to 32 hours a week during it is possible and welcome. The way back is the same role or one that is equal.',
  ],
  [
    'Equipment',
    'A laptop lives for three years, a phone for two. Old ones can be bought for a price that the finance team sets. Accessories up to 100 EUR are ordered without asking. Screens and chairs stay with us when you go. Repairs go through the help desk, never through a shop.',
  ],
  [
    'Conduct',
    'We talk about work, not about persons. Gifts above 35 EUR are handed in. Jobs on the side are told to the people team. Who sees harassment can turn to the two trusted persons, whose names stand on the intranet, or to the lawyer outside, who tells nobody.',
  ],
  [
    'Volunteering',
    'Two days a year are free for voluntary work, for the fire brigade and for civil protection as many as an emergency needs. Blood may be given in working time. Whoever trains a youth team gets the afternoon off on match days. The employer of the year is not chosen by how much of this is used, so use it.',
  ],
  [
    'Saying goodbye',
    'Notice is three months to the end of a quarter. Open leave is taken before the last day or paid out with the last salary. Devices and the badge are handed in at the help desk, which signs for them. A reference is written within two weeks; whoever wants one for the meantime asks the lead of the team.',
  ],
];

/** Long enough that a provider keeps it: what makes the calls after the first one cheap. */
export const HANDBOOK_SYSTEM = [
  'Answer questions of employees from the handbook below, and from nothing else. Name the chapter. Say so when it is not in there.',
  ...CHAPTERS.map(([title, text], at) => `${at + 1}. ${title}\n${text}`),
  'Answers are short: two sentences, three when there is an exception. Amounts and dates are quoted exactly as they stand in the handbook. When two chapters apply, name both. Never give advice on law or taxes; send the person to the people team instead, whose door is open on Monday and Thursday between two and four. Questions about a single person, about pay or about a dispute are never answered here. Write in the language of the question. Do not greet.',
  'The handbook is of 1 September; what changed since stands on the intranet under "News of the people team", and goes before the handbook. Until the end of the year the following is tried out: Team days may be moved to Wednesday if the whole team agrees; hotels in Copenhagen, Oslo and Stockholm are paid up to 175 EUR a night; the flat rate for meals is paid for half days too, with 14 EUR; and the 20 days of work from anywhere in the EU may be 30 for those whose family lives in another country. Who makes use of it writes one sentence about it into the form, so that we know in January what to keep.',
].join('\n\n');

const QUESTIONS: readonly (readonly [question: string, answer: string])[] = [
  [
    'How many days of leave can I take into next year?',
    'What is left at the end of the year can be taken until 31 March (chapter 1, Leave). After that it is gone, unless you were ill.',
  ],
  [
    'I have to go to Zürich for two nights. Which hotel price is OK?',
    'Up to 190 EUR a night in Zürich (chapter 2, Travel). Breakfast at the hotel takes 5.60 EUR off the flat rate for meals.',
  ],
  [
    'Can I work from Lisbon for a month in spring?',
    'Up to 20 days a year from anywhere in the EU (chapter 4, Remote work), so four working weeks just fit. Keep the team day on Tuesday in mind, and tell your team.',
  ],
  [
    'My daughter is ill again. How many days are left?',
    'Ten days a year for each child, 20 for single parents (chapter 5, Illness). How many you have taken is not in the handbook; the people team can see it.',
  ],
  [
    'Somebody stole my laptop on the train!',
    'Report it within the hour under the number on your badge (chapter 6, Security). The disk is encrypted, so nobody can read it; a new device comes through the help desk.',
  ],
  [
    'Is a conference ticket paid from the learning budget?',
    'Yes, from the 1,200 EUR a year (chapter 7, Learning). If you give a talk there, it is paid on top.',
  ],
  [
    'What happens with my old phone?',
    'After two years you can buy it for the price that the finance team sets (chapter 9, Equipment).',
  ],
  [
    'Do I need a certificate when I am ill for two days?',
    'No, only from the fourth day on (chapter 5, Illness). Tell your team before nine.',
  ],
  ['Who pays a parking fine on a business trip?', 'You do: parking fines are never paid (chapter 3, Expenses).'],
  [
    'What is the salary band of my role?',
    'That is not in the handbook, and pay is not answered here. Please ask the people team on Monday or Thursday between two and four.',
  ],
];

const FASTAPI: Scope = { name: 'opentelemetry.instrumentation.fastapi', version: '0.58b0' };
const VISITS = 105;
/** The provider forgets after five minutes without a question. */
const KEPT = 0.78;

function ask(setting: Setting, app: Application, own: Record<string, string>, startMs: number): number {
  const { chance, examples } = setting;
  const [question, text] = chance.pick(QUESTIONS);
  const cached = chance.happens(KEPT) ? 'read' : 'write';
  const turns = [{ role: 'user', text: question } as const];
  const asked = { model: MODELS.claude, system: HANDBOOK_SYSTEM, turns, answer: { role: 'assistant', text } as const };
  const call = callOf(chance, { ...asked, streaming: true, cached });
  return app.record({ scope: FASTAPI, name: 'GET /answers', kind: SpanKind.SERVER, startMs }, (parent) => {
    const told = withContent(own)(app, call, { parent, startMs: startMs + 6 });
    if (cached === 'read' && !call.error) examples.cached = told.ids;
    return { endMs: told.endMs + 2, attributes: { 'http.response.status_code': call.error ? 502 : 200 } };
  });
}

export function recordHandbook(setting: Setting): Application[] {
  const { chance, day, run, users } = setting;
  const app = new Application({ service: 'handbook', version: '1.4.0', environment: 'production', language: 'python' });
  for (let at = 0; at < VISITS; at++) {
    const own = {
      'gen_ai.conversation.id': `handbook-${run}-${at}`,
      'user.id': chance.pick(users),
      'gen_ai.prompt.name': 'handbook/answer',
      'gen_ai.prompt.version': at % 5 === 0 ? '1.1.0' : '1.0.0',
    };
    let startMs = day.visit();
    const questions = chance.between(1, 3);
    for (let asked = 0; asked < questions; asked++) {
      startMs = ask(setting, app, own, startMs) + chance.between(15_000, 120_000);
    }
  }
  return [app];
}
