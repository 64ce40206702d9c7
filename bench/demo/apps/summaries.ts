/** Summaries of yesterday's reports, made in the night (Python, OpenLLMetry): workflows, tasks, a managed prompt. */
import { Application, type Scope } from '../application.js';
import { type Call, callOf, MODELS } from '../call.js';
import type { Chance } from '../chance.js';
import { withOpenLlmetry } from '../instrumentations.js';
import type { Setting } from '../setting.js';

const SYSTEM =
  'Summarise the report of a field technician in two sentences: what was found, what was done, what is still open.';

const SITES = ['Altona pumping station', 'Plant 3, line B', 'School in Harburg', 'Water tower North', 'Hotel Seeblick'];
const FOUND = [
  'The seal of the shaft was leaking',
  'The controller showed E04',
  'The vessel had lost its air',
  'The filter was full of sand',
  'A cable was bitten through by a marten',
];
const DONE = [
  'It was replaced from stock',
  'The part was ordered and a spare put in',
  'It was cleaned and tested for an hour',
  'The line was switched over to the second pump',
];
const OPEN = [
  'nothing',
  'a second visit within four weeks',
  'the invoice has to go to the owner, not to the tenant',
  'the customer wants an offer for a newer model',
];
const WALK = [
  'Arrived with the second van because the lift was out of order.',
  'The customer was present and signed.',
  'Pressure before 0.4 bar, after 3.1 bar.',
  'Photos are in the folder of the order.',
  'The room is hard to reach: two people are needed for anything above 25 kg.',
  'Water was off for 35 minutes, which had been announced.',
  'Readings were taken at five points and noted on the card by the door.',
  'Noise was measured at 48 dB, which is within the contract.',
];

const TRACELOOP: Scope = { name: 'traceloop.tracer' };
const REPORTS = 170;

function reportOf(chance: Chance): { report: string; summary: string } {
  const [site, found, done, open] = [chance.pick(SITES), chance.pick(FOUND), chance.pick(DONE), chance.pick(OPEN)];
  const walk = Array.from({ length: chance.between(6, 40) }, () => chance.pick(WALK)).join(' ');
  return {
    report: `Site: ${site}\n\n${found}. ${walk}\n\n${done}. Still open: ${open}.`,
    summary: `${site}: ${found.charAt(0).toLowerCase()}${found.slice(1)}. ${done}; still open: ${open}.`,
  };
}

/** The provider lets so many through; the second try comes later, and goes. */
function summarise(setting: Setting, app: Application, own: Record<string, string>, startMs: number): number {
  const { chance } = setting;
  const { report, summary } = reportOf(chance);
  const model = chance.happens(0.3) ? MODELS.mistral : MODELS.nano;
  const asked = {
    model,
    system: SYSTEM,
    turns: [{ role: 'user', text: report }],
    answer: { role: 'assistant', text: summary },
  } as const;
  const task = { ...own, 'traceloop.span.kind': 'task', 'traceloop.entity.name': 'summarise' };
  const attempt = (call: Call, atMs: number) =>
    app.record({ scope: TRACELOOP, name: 'summarise.task', attributes: task, startMs: atMs }, (parent) => {
      const told = withOpenLlmetry(own)(app, call, { parent, startMs: atMs + 1 });
      return { endMs: told.endMs + 1, error: call.error };
    });
  const first = callOf(chance, { ...asked, turns: [...asked.turns] });
  const endMs = attempt(first, startMs);
  return first.error
    ? attempt(callOf(chance, { ...asked, turns: [...asked.turns], mayFail: false }), endMs + 2000)
    : endMs;
}

export function recordSummaries(setting: Setting): Application[] {
  const { day, run } = setting;
  const app = new Application({
    service: 'night-summaries',
    version: '1.0.7',
    environment: 'production',
    language: 'python',
  });
  for (let at = 0; at < REPORTS; at++) {
    const own = {
      'traceloop.workflow.name': 'summarise-reports',
      'traceloop.association.properties.session_id': `night-${run}`,
      'traceloop.prompt.managed': 'True',
      'traceloop.prompt.key': 'night/summary',
      'traceloop.prompt.version': '1.0.0',
    };
    const startMs = day.night();
    const workflow = { ...own, 'traceloop.span.kind': 'workflow', 'traceloop.entity.name': 'summarise-reports' };
    app.record({ scope: TRACELOOP, name: 'summarise-reports.workflow', attributes: workflow, startMs }, () => ({
      endMs: summarise(setting, app, own, startMs + 3) + 2,
    }));
  }
  return [app];
}
