/**
 * Traces whose spans come in any order, in several frames, some of them late, while the backend is away now and then, the
 * sampler's thread is lost, and the gateway is restarted and killed: the sink must end with the spans of those traces, whole, that a recount from what was sent says are kept, and with no others.
 */
import { expect, it } from 'vitest';
import { seeded } from '../../buffer/fixture.js';
import {
  caughtUp,
  configOf,
  type SampledExporter,
  type SpanInput,
  scoreFrame,
  spanIdOf,
  spansFrame,
  startSampled,
  stopTheClock,
  traceId,
} from './fixture.js';

const WAIT_MS = 200;
const SHARE_PERCENT = 25;

const config = configOf({
  decisionWait: `${WAIT_MS}ms`,
  numTraces: '10000',
  // Files of forty verdicts: enough that none is forgotten, and that many are begun.
  decisionCache: { sampledCacheSize: '160', nonSampledCacheSize: '160' },
  policies: [
    { name: 'errors', type: 'status_code', statusCode: { statusCodes: ['ERROR'] } },
    { name: 'slow', type: 'latency', latency: { thresholdMs: '5000' } },
    { name: 'costly', type: 'cost', cost: { thresholdUsd: '0.5' } },
    { name: 'bad', type: 'score', score: { below: '0.3' } },
    { name: 'checkout', type: 'prompt', prompt: { names: ['checkout'] } },
    { name: 'share', type: 'probabilistic', probabilistic: { samplingPercentage: String(SHARE_PERCENT) } },
  ],
});

/** All that was sent of one trace, by the time. */
interface Sent {
  atMs: number;
  span?: SpanInput;
  score?: number;
}

/** By the words of the policies, from what was sent alone. */
function isKept(trace: number, sent: readonly Sent[]): boolean {
  const inTime = sent.filter(({ atMs }) => atMs < sent[0]!.atMs + WAIT_MS);
  const spans = inTime.flatMap(({ span }) => span ?? []);
  const ends = spans.map(({ startMs = 1000, durationMs = 1 }) => startMs + durationMs);
  const starts = spans.map(({ startMs = 1000 }) => startMs);
  const cost = spans.reduce((sum, { attributes }) => sum + Number(attributes?.['gen_ai.usage.cost'] ?? 0), 0);
  // The last 7 bytes as a fraction of 1.
  const fraction = Number.parseInt(traceId(trace).slice(18), 16) / 2 ** 56;
  return (
    spans.some(({ isError }) => isError === true) ||
    (spans.length > 0 && Math.max(...ends) - Math.min(...starts) >= 5000) ||
    cost >= 0.5 ||
    inTime.some(({ score }) => score !== undefined && score < 0.3) ||
    spans.some(({ attributes }) => attributes?.['gen_ai.prompt.name'] === 'checkout') ||
    fraction >= 1 - SHARE_PERCENT / 100
  );
}

class Scenario {
  readonly traces = new Map<number, Sent[]>();
  readonly sent: string[] = [];
  readonly outage = { isDown: false };
  #spans = 0;
  #test!: SampledExporter;
  #began = 0;

  constructor(
    readonly random: (below: number) => number,
    readonly clock: { advance(ms: number): void },
  ) {}

  async begin(directory?: string): Promise<void> {
    this.#test = await startSampled({ config, sent: this.sent, outage: this.outage, ...(directory && { directory }) });
  }

  async step(): Promise<void> {
    const chance = this.random(100);
    if (chance < 62) await this.sendSpans();
    else if (chance < 70) await this.sendScore();
    else if (chance < 90) this.clock.advance(this.random(WAIT_MS / 2));
    else if (chance < 92) await this.restart();
    else if (chance < 93) this.outage.isDown = !this.outage.isDown;
    else if (chance < 96) await this.begin(await this.#test.kill());
    else if (chance < 97) this.#test.pool.forget();
    else await new Promise((resolve) => setTimeout(resolve, this.random(4)));
  }

  async restart(): Promise<void> {
    await this.#test.stop();
    await this.begin(this.#test.directory);
  }

  /** Everything is decided, and sent. */
  async end(): Promise<void> {
    this.outage.isDown = false;
    this.clock.advance(2 * WAIT_MS);
    await caughtUp(this.#test);
  }

  async sendSpans(): Promise<void> {
    const spans = Array.from({ length: 1 + this.random(5) }, () => this.span());
    await this.#test.buffer.append(spansFrame(spans));
    for (const span of spans) this.note(span.trace as number, { atMs: Date.now(), span });
  }

  async sendScore(): Promise<void> {
    const trace = this.trace();
    const score = this.random(100) / 100;
    await this.#test.buffer.append(scoreFrame(trace, score));
    this.note(trace, { atMs: Date.now(), score });
  }

  /** Mostly of the newest traces, now and then of one that was decided long ago. */
  trace(): number {
    if (this.#began === 0 || this.random(3) === 0) return this.#began++;
    const back = this.random(10) === 0 ? this.#began : Math.min(this.#began, 8);
    return this.#began - 1 - this.random(back);
  }

  span(): SpanInput {
    const attributes: Record<string, string | number> = {};
    if (this.random(12) === 0) attributes['gen_ai.prompt.name'] = this.random(2) === 0 ? 'checkout' : 'greeting';
    if (this.random(6) === 0) {
      Object.assign(attributes, { 'gen_ai.request.model': 'nobody-knows', 'gen_ai.usage.cost': this.random(4) / 8 });
    }
    const times = { startMs: 1000 + this.random(3000), durationMs: this.random(20) === 0 ? 5000 : this.random(2500) };
    return { trace: this.trace(), span: this.#spans++, isError: this.random(15) === 0, ...times, attributes };
  }

  note(trace: number, sent: Sent): void {
    this.traces.set(trace, [...(this.traces.get(trace) ?? []), sent]);
  }

  /** What the sink must have. */
  expected(): string[] {
    const kept = [...this.traces].filter(([trace, sent]) => isKept(trace, sent));
    return kept.flatMap(([trace, sent]) =>
      sent.map(({ span }) => (span ? spanIdOf(span.span) : `log ${traceId(trace)}`)),
    );
  }
}

const unique = (ids: readonly string[]) => [...new Set(ids)].sort();

it.each([1, 2, 3, 4, 5, 6])('whole traces arrive, those of the recount and no others (seed %i)', async (seed) => {
  const scenario = new Scenario(seeded(seed), stopTheClock());
  await scenario.begin();
  for (let step = 0; step < 120; step++) await scenario.step();
  await scenario.end();
  expect(unique(scenario.sent)).toEqual(unique(scenario.expected()));
  const traces = [...scenario.traces];
  const kept = traces.filter(([trace, sent]) => isKept(trace, sent)).length;
  expect(kept).toBeGreaterThan(traces.length / 8);
  expect(kept).toBeLessThan((traces.length * 7) / 8);
});
