/**
 * A shop's chat assistant (Node, OpenTelemetry's instrumentation of `openai`): the session and the user stand on the
 * request's span, and what was said comes as log events, in other requests than the spans.
 */
import { type Context, SpanKind } from '@opentelemetry/api';
import { Application, type Scope } from '../application.js';
import { callOf, MODELS, type Turn, toolUse } from '../call.js';
import { withMessageEvents } from '../instrumentations.js';
import type { Setting } from '../setting.js';

export const SUPPORT_SYSTEM = `You are the assistant of Ridgeline Outdoor, a shop for tents, packs and boots.
Answer in at most four sentences, in the language of the customer, and never invent an order, a price or a date.
Returns: 60 days, unworn, with the receipt; the label is free from 50 EUR. Refunds reach the card three to five working days
after the parcel has been checked. Repairs of zips and seams are free in the first two years; later they cost 18 EUR and
take ten days. Orders can be changed until they are packed, which is usually two hours after the payment. If the customer
is angry, say sorry once, say what happens next, and offer a person.`;

type Exchange = readonly [question: string, answer: string];

const TOPICS: readonly (readonly Exchange[])[] = [
  [
    [
      'Where is my order {order}? It was meant to be here on Monday.',
      'Your order {order} left our warehouse on Saturday and is with the carrier in {city}. The latest scan says delivery tomorrow before noon. I am sorry for the wait.',
    ],
    [
      'Can the driver leave it with a neighbour?',
      'Yes. I have added the note "neighbour allowed" to the delivery, the driver sees it on the handheld. You will get a message with the name of whoever signed.',
    ],
    [
      'And if nobody is there at all?',
      'Then it waits for seven days at the parcel shop closest to you in {city}. Bring your ID and the number on the card.',
    ],
  ],
  [
    [
      'The zip of my {item} tent is broken after one season. What now?',
      'That is covered: zips and seams of the {item} are repaired free of charge in the first two years. Please send a photo of the zip and your receipt, and I will make a label for you.',
    ],
    [
      'How long will it take? We leave for {city} in two weeks.',
      'Repairs take about ten days from arrival, so it can just work out if it is sent today. To be safe I can lend you a tent of the same size for 15 EUR.',
    ],
  ],
  [
    [
      'Which pack would you take for three days in the hills around {city}?',
      'For three days 38 to 45 litres are right. The {item} 42 has a frame that carries 14 kg well, and its rain cover is part of it. If you sleep in huts, the 32 is enough.',
    ],
    [
      'Is it OK for somebody who is 1.58 m?',
      'Yes, in size S: its back is adjustable from 40 to 46 cm, which fits most people between 1.50 and 1.65 m.',
    ],
    [
      'Great, do you have it in green?',
      'In size S there is moss green and black. Moss green is in stock, and comes in two to three days.',
    ],
    [
      'I will take the green one, thanks!',
      'A good choice. I have put the {item} 42 in moss green, size S, into your basket; it is kept for an hour.',
    ],
  ],
  [
    [
      'I want to send back the boots from {order}, they rub at the heel.',
      'You can return them within 60 days as long as they were not worn outside. The label for {order} is in your inbox; it is free because the order was above 50 EUR.',
    ],
    [
      'I wore them once around the block.',
      'A short walk on a dry pavement is fine as long as the sole is clean. Please wipe it, and put the boots into their box.',
    ],
  ],
  [
    [
      'Ich habe für {order} zweimal bezahlt, wie bekomme ich das Geld zurück?',
      'Das tut mir leid. Für {order} ist nur eine Zahlung bei uns eingegangen; die zweite ist eine Vormerkung Ihrer Bank und verschwindet in zwei bis drei Tagen von selbst. Wenn sie am Freitag noch da ist, schreiben Sie mir bitte.',
    ],
    [
      'Danke, dann warte ich bis Freitag.',
      'Gern geschehen. Ich habe mir die Bestellung notiert, dann geht es am Freitag schneller.',
    ],
  ],
];
const ITEMS = ['Kestrel', 'Larch', 'Fell Runner', 'Sorrel', 'Cairn'];
const CITIES = ['Innsbruck', 'Leeds', 'Grenoble', 'Turin', 'Bergen', 'Zürich'];

const HTTP: Scope = { name: '@opentelemetry/instrumentation-http', version: '0.220.0' };
const SESSIONS = 120;
const LOOKUPS = 0.35;

function filled(text: string, values: Record<string, string>): string {
  return text.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name] ?? '');
}

interface Session {
  app: Application;
  id: string;
  user: string;
  history: Turn[];
}

/** One question: sometimes the model looks the order up first. */
function answer(
  { chance, examples }: Setting,
  { app, history }: Session,
  text: string,
  parent: Context,
  startMs: number,
): number {
  const turns = [...history];
  let atMs = startMs + chance.between(4, 20);
  if (turns.length === 1 && chance.happens(LOOKUPS)) {
    const tool = toolUse('find_order', { query: turns[0]!.text.slice(0, 40) });
    const asks: Turn = { role: 'assistant', text: '', tool };
    const call = callOf(chance, { model: MODELS.mini, system: SUPPORT_SYSTEM, turns, answer: asks, mayFail: false });
    atMs = withMessageEvents(app, call, { parent, startMs: atMs }).endMs + chance.between(20, 90);
    turns.push(asks, { role: 'tool', text: '{"status":"in delivery","carrier":"DPD","parcels":1}', tool });
  }
  const model = chance.happens(0.15) ? MODELS.large : MODELS.mini;
  const call = callOf(chance, { model, system: SUPPORT_SYSTEM, turns, answer: { role: 'assistant', text } });
  const told = withMessageEvents(app, call, { parent, startMs: atMs });
  if (!call.error && turns.length > 2) examples.fromEvents = told.ids;
  return told.endMs;
}

function ask(setting: Setting, session: Session, [question, text]: Exchange, startMs: number): number {
  const { app, id, user, history } = session;
  history.push({ role: 'user', text: question });
  const attributes = { 'http.request.method': 'POST', 'http.route': '/chat', 'session.id': id, 'user.id': user };
  const endMs = app.record(
    { scope: HTTP, name: 'POST /chat', kind: SpanKind.SERVER, attributes, startMs },
    (parent) => ({
      endMs: answer(setting, session, text, parent, startMs) + 3,
      attributes: { 'http.response.status_code': 200 },
    }),
  );
  history.push({ role: 'assistant', text });
  return endMs;
}

function converse(setting: Setting, app: Application, id: string): void {
  const { chance, day, users, examples } = setting;
  const values = { order: `RO-${chance.between(40_000, 99_999)}`, item: chance.pick(ITEMS), city: chance.pick(CITIES) };
  const session: Session = { app, id, user: chance.pick(users), history: [] };
  const topic = chance.pick(TOPICS);
  let atMs = day.visit();
  for (const [question, text] of topic.slice(0, chance.between(1, topic.length))) {
    atMs =
      ask(setting, session, [filled(question, values), filled(text, values)], atMs) + chance.between(8_000, 90_000);
  }
  if (session.history.length > 2) Object.assign(examples, { sessionId: id, userId: session.user });
}

export function recordSupport(setting: Setting): Application[] {
  const of = { service: 'support-chat', version: '3.8.1', language: 'nodejs' } as const;
  const production = new Application({ ...of, environment: 'production' });
  const staging = new Application({ ...of, version: '3.9.0-rc.2', environment: 'staging' });
  for (let at = 0; at < SESSIONS; at++) {
    converse(setting, at % 12 === 11 ? staging : production, `chat-${setting.run}-${at}`);
  }
  return [production, staging];
}
