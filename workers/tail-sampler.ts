/**
 * The piscina entry that decides on traces, with one decider for each sampler. A pool of one thread: what a decider knows is
 * what it has read, and a thread that is new, or one whose decider failed, says that it knows nothing.
 */
import { randomUUID } from 'node:crypto';
import type { NOTHING } from '../exporters/encoding.js';
import type {
  Addressed,
  ChooseTask,
  CloseTask,
  FoldTask,
  OpenTask,
  SessionAnswer,
} from '../exporters/tail-sampling/messages.js';
import { type DeciderOptions, TraceDecider } from '../exporters/tail-sampling/trace-decider.js';
import { Enrichment } from './enrichment.js';
import type { Informed } from './messages.js';
import { lowerThreadPriority } from './priority.js';

/** As the store's writers: whoever receives goes first. */
const NICENESS = 5;
lowerThreadPriority(NICENESS);

export type TailSamplerTask =
  | { operation: 'open'; argument: OpenTask }
  | { operation: 'fold'; argument: Addressed<FoldTask> & Partial<Informed> }
  | { operation: 'choose'; argument: Addressed<ChooseTask> }
  | { operation: 'close'; argument: CloseTask }
  | { operation: typeof NOTHING; argument: undefined };

interface Session {
  id: string;
  decider: TraceDecider;
}

const sessions = new Map<string, Session>();
const enrichment = new Enrichment();

/** Answers the session, which further tasks name. */
function open(task: OpenTask): string {
  close(task.sampler);
  const describe: DeciderOptions['describe'] = (workspace, decoded) => {
    enrichment.enrich({ workspace, ...decoded });
  };
  const session = { id: randomUUID(), decider: new TraceDecider({ ...task, describe }) };
  sessions.set(task.sampler, session);
  return session.id;
}

function close(sampler: string): void {
  sessions.get(sampler)?.decider.close();
  sessions.delete(sampler);
}

/** After a throw the decider is not asked again. What its disk threw may be otherwise the next time. */
function within<Result>(
  { sampler, session }: Addressed<object>,
  work: (decider: TraceDecider) => Result,
): SessionAnswer<Result> {
  const found = sessions.get(sampler);
  if (found?.id !== session) return { outcome: 'unknown' };
  try {
    return { outcome: 'done', result: work(found.decider) };
  } catch (error) {
    close(sampler);
    const { syscall, message } = error as NodeJS.ErrnoException;
    if (syscall !== undefined) return { outcome: 'failed', reason: message };
    throw error;
  }
}

/** As it is with the store's writers: a thread that was told of other prices says of which it knows. */
function fold({ knowledge, ...task }: Addressed<FoldTask> & Partial<Informed>) {
  if (knowledge !== undefined) {
    const { known } = enrichment;
    const { pricesVersion, promptsVersion } = knowledge.after;
    if (known.pricesVersion !== pricesVersion || known.promptsVersion !== promptsVersion)
      return { outcome: 'ignorant' as const, known };
    enrichment.learn(knowledge);
  }
  return within(task, (decider) => decider.fold(task));
}

/** Answers a session, what a SessionAnswer is, or nothing to who closes. */
export default function run(task: TailSamplerTask) {
  if (task.operation === 'nothing') return;
  if (task.operation === 'open') return open(task.argument);
  if (task.operation === 'fold') return fold(task.argument);
  if (task.operation === 'close') return close(task.argument.sampler);
  const { argument } = task;
  return within(argument, (decider) => decider.choose(argument));
}
