/** A planner of trips (Node, Vercel AI SDK, OTLP as JSON): steps with tools below a root that carries their sum. */
import type { Context } from '@opentelemetry/api';
import { Application, type Scope } from '../application.js';
import { type Call, callOf, MODELS, type ToolUse, type Turn, toolUse, type Usage } from '../call.js';
import { type VercelFunction, vercelHead, vercelModel, vercelUsage, withVercel } from '../instrumentations.js';
import type { Setting } from '../setting.js';

const SYSTEM =
  'You plan weekends in the mountains. Look at the weather first, then at trains and huts, and never recommend a tour above 1,200 m of ascent unless you were asked for one.';

const GOALS = [
  { place: 'Innsbruck', tour: 'the Patscherkofel by way of the Zirbenweg', hut: 'Tulfeinalm', train: 'RJX 862' },
  { place: 'Chamonix', tour: 'the Grand Balcon Sud', hut: 'Refuge de la Flégère', train: 'TER 18931' },
  { place: 'Grindelwald', tour: 'the Faulhorn from First', hut: 'Berghotel Faulhorn', train: 'IC 61' },
  { place: 'Bergen', tour: 'the Vidden plateau', hut: 'Turnerhytten', train: 'F4 607' },
  { place: 'Cortina', tour: 'the Cinque Torri round', hut: 'Rifugio Averau', train: 'RV 2731' },
];
const SKIES = ['sunny', 'a few clouds', 'showers in the afternoon', 'fog until eleven'];

const VERCEL: Scope = { name: 'ai' };
const TRIPS = 95;
const TOKEN_TYPES = ['input', 'output', 'cacheRead', 'cacheWrite', 'reasoning'] as const;

function sumOf(calls: readonly Call[]): Usage {
  const entries = TOKEN_TYPES.map((type) => [type, calls.reduce((sum, { usage }) => sum + usage[type], 0)]);
  return Object.fromEntries(entries) as Usage;
}

interface Planning {
  app: Application;
  of: VercelFunction;
  parent: Context;
}

function useTool(
  { chance }: Setting,
  { app, of, parent }: Planning,
  tool: ToolUse,
  result: string,
  startMs: number,
): number {
  const attributes = {
    ...vercelHead('ai.toolCall', of),
    'ai.toolCall.name': tool.name,
    'ai.toolCall.id': tool.id,
    'ai.toolCall.args': JSON.stringify(tool.arguments),
    'ai.toolCall.result': result,
  };
  const work = { scope: VERCEL, name: 'ai.toolCall', attributes, parent, startMs };
  return app.record(work, () => ({ endMs: startMs + chance.spread(180) }));
}

function toolsFor({ chance }: Setting, { place, hut, train }: (typeof GOALS)[number]): (readonly [ToolUse, string])[] {
  const weather = { saturday: chance.pick(SKIES), sunday: chance.pick(SKIES), celsius: chance.between(4, 22) };
  const beds = chance.between(0, 14);
  const uses = [
    [toolUse('getWeather', { place }), JSON.stringify(weather)],
    [
      toolUse('findTrain', { to: place, day: 'saturday' }),
      JSON.stringify({ train, departs: '06:38', arrives: '10:12' }),
    ],
    [toolUse('findHut', { near: place }), JSON.stringify({ hut, beds })],
  ] as const;
  return uses.slice(0, chance.between(1, uses.length));
}

/** Step by step: each call has what came before. */
function plan(setting: Setting, planning: Planning, goal: (typeof GOALS)[number], turns: Turn[], startMs: number) {
  const { chance } = setting;
  const calls: Call[] = [];
  let atMs = startMs;
  const step = (answer: Turn, streaming: boolean) => {
    const call = callOf(chance, {
      model: MODELS.mini,
      system: SYSTEM,
      turns: [...turns],
      answer,
      streaming,
      mayFail: calls.length > 0,
    });
    calls.push(call);
    atMs = withVercel(planning.of)(planning.app, call, { parent: planning.parent, startMs: atMs + 2 }).endMs;
    return call;
  };
  for (const [tool, result] of toolsFor(setting, goal)) {
    const asks: Turn = { role: 'assistant', text: '', tool };
    const { error } = step(asks, false);
    if (error) return { calls, endMs: atMs, text: '', error };
    atMs = useTool(setting, planning, tool, result, atMs + 1);
    turns.push(asks, { role: 'tool', text: result, tool });
  }
  const text = `Take ${goal.train} at 06:38, you are in ${goal.place} at 10:12. On Saturday walk ${goal.tour}; it is five hours without hurry. ${goal.hut} has soup until eight and is a good place to sleep. Pack a shell: the afternoon may be wet.`;
  const { error } = step({ role: 'assistant', text }, false);
  return { calls, endMs: atMs, text, error };
}

export function recordTrips(setting: Setting): Application[] {
  const { chance, day, run, users, examples } = setting;
  const app = new Application({
    service: 'trip-planner',
    version: '0.14.2',
    environment: 'production',
    language: 'nodejs',
    encoding: 'json',
  });
  for (let at = 0; at < TRIPS; at++) {
    const goal = chance.pick(GOALS);
    const metadata = { sessionId: `trip-${run}-${at}`, userId: chance.pick(users), tags: ['planner', 'beta'] };
    const of = { id: 'plan-trip', metadata };
    const prompt = `A weekend around ${goal.place} by train, with a hut, for ${chance.between(1, 4)} people.`;
    const attributes = {
      ...vercelHead('ai.generateText', of),
      ...vercelModel(MODELS.mini),
      'ai.prompt': JSON.stringify({ system: SYSTEM, prompt }),
    };
    const startMs = day.visit();
    app.record({ scope: VERCEL, name: 'ai.generateText', attributes, startMs }, (parent) => {
      const planning = { app, of, parent };
      const { calls, endMs, text, error } = plan(setting, planning, goal, [{ role: 'user', text: prompt }], startMs);
      if (error) return { endMs: endMs + 1, error };
      const last = { 'ai.response.text': text, 'ai.response.finishReason': 'stop', ...vercelUsage(sumOf(calls)) };
      examples.sessionId ??= metadata.sessionId;
      return { endMs: endMs + 1, attributes: last };
    });
  }
  return [app];
}
