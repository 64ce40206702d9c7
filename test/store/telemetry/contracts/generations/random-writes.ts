import type { Generation } from '../../../../../src/model/generation.js';
import type { Span } from '../../../../../src/model/telemetry.js';
import type { StoredGeneration } from '../../../../../src/store/telemetry/generations.js';
import { cost, generationLog, generationSpan } from '../../../../helpers/generations.js';
import { BASE_TIME_UNIX_NANO, randomSource, recordSource, scope } from '../../../../helpers/records.js';
import { type GenerationSession, MINUTE, REVISES } from './session.js';

/** Interleaved batches of two writers, replays, resends, revisions, deletions and new prices. */
export async function randomWrites(session: GenerationSession, seed: number): Promise<void> {
  const random = randomSource(seed);
  const source = recordSource(seed);
  const pick = <Item>(items: readonly Item[]): Item => items[random() % items.length]!;
  const sent: { span: Span; workspace: string }[] = [];
  const batches: Parameters<GenerationSession['write']>[0][] = [];
  const generation = (): Partial<Generation> => ({
    kind: pick(['llm', 'llm', 'llm', 'embedding', 'tool', 'agent'] as const),
    provider: pick(['openai', 'anthropic']),
    responseModel: pick(['', 'm1', 'm2']),
    responseId: pick(['', '', `r${random() % 30}`]),
    usage: pick([{}, { input: random() % 1000, output: random() % 100 }, { input: 5, cacheRead: 4 }]),
    cost: pick([undefined, cost(BigInt(random()))]),
    countable: random() % 5 > 0,
    sessionId: pick(['', '', 's1', 's2', 's3']),
    userId: pick(['', '', 'u1', 'u2']),
    promptName: pick(['', 'greet']),
    promptVersion: pick(['', '1', '2']),
    environment: pick(['', 'prod']),
    isError: random() % 4 === 0,
    durationNano: BigInt(random()) * BigInt(1 + (random() % 100)),
  });
  const newSpan = (): Span => {
    const startTimeUnixNano = BASE_TIME_UNIX_NANO + BigInt(random() % 4000) * MINUTE;
    const relative = sent.length > 0 && random() % 3 === 0 ? pick(sent).span : undefined;
    const family = relative ? { traceId: relative.traceId, parentSpanId: relative.spanId } : {};
    const made = { startTimeUnixNano, ...family, scope: scope(pick(['a', 'b'])) };
    if (random() % 6 === 0) return source.span(made);
    return generationSpan(source, { ...generation(), startTimeUnixNano }, made);
  };
  const writeNew = async () => {
    const frames = Array.from({ length: 1 + (random() % 3) }, () => {
      const workspace = pick(['default', 'default', 'other']);
      const spans = Array.from({ length: 1 + (random() % 6) }, newSpan);
      sent.push(...spans.map((span) => ({ span, workspace })));
      return session.frame({ workspace, spans, ...(random() % 4 === 0 && { logRecords: [] }) });
    });
    batches.push(frames);
    await session.write(frames, { writer: random() % 2 });
  };
  const writeLog = () =>
    session.writeOne({
      logRecords: [
        generationLog(source, generation(), {
          timeUnixNano: BASE_TIME_UNIX_NANO + BigInt(random() % 4000) * MINUTE,
          ...(sent.length > 0 && random() % 2 === 0 && { traceId: pick(sent).span.traceId }),
        }),
      ],
    });
  const revise = async () => {
    const { span, workspace } = pick(sent);
    const { startTimeUnixNano } = span;
    const revised = { ...span, generation: generationSpan(source, { ...generation(), startTimeUnixNano }).generation };
    await session.writeOne({ workspace, spans: [revised], native: REVISES }, random() % 2);
  };
  const remove = async () => {
    const { span, workspace } = pick(sent);
    const deletion = { workspace, traceId: span.traceId, receivedUntilUnixMs: Number.MAX_SAFE_INTEGER };
    await (await session.target.writer(random() % 2)).deleteTraces([deletion]);
  };
  const reprice = async () => {
    const writer = await session.target.writer(random() % 2);
    const [from, factor] = [BASE_TIME_UNIX_NANO + BigInt(random() % 2000) * MINUTE, BigInt(random() % 50)];
    const range = { fromUnixNano: from, toUnixNano: from + 1000n * MINUTE };
    const priceOf = ({ usage }: StoredGeneration) =>
      usage.input === undefined ? undefined : cost(BigInt(usage.input) * factor, `workspace/${factor}`);
    let after: string | undefined;
    do {
      ({ next: after } = await writer.reprice!({ workspace: 'default', ...range, after, limit: 10 }, priceOf));
    } while (after !== undefined);
  };
  for (let step = 0; step < 40; step++) {
    await writeNew();
    const [replayed, resent] = [pick(batches), pick(sent)];
    const action = random() % 10;
    if (action === 0) await session.write(replayed, { writer: random() % 2 });
    else if (action === 1) await session.writeOne({ workspace: resent.workspace, spans: [resent.span] }, random() % 2);
    else if (action <= 3) await revise();
    else if (action === 4) await remove();
    else if (action === 5) await reprice();
    else if (action === 6) await writeLog();
    else if (action === 7 && random() % 3 === 0) await session.target.reopen();
  }
}
