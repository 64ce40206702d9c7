import type { TailSamplingEvents } from '../../exporters/tail-sampling/events.js';
import type { Logger } from './logger.js';
import type { Metrics } from './metrics.js';
import type { Repetition } from './repetition.js';

type Folded = Parameters<TailSamplingEvents['folded']>[0];

function countFolded({ tailSampling: metrics }: Metrics, { sampler: processor, ...folded }: Folded): void {
  metrics.newTraces.inc({ processor }, folded.newTraces);
  metrics.decided.inc({ processor, sampled: 'true' }, folded.kept);
  metrics.decided.inc({ processor, sampled: 'false' }, folded.dropped);
  for (const [policy, traces] of Object.entries(folded.keptBy)) metrics.keptBy.inc({ processor, policy }, traces);
  metrics.early.inc({ processor }, folded.early);
  metrics.unreadable.inc({ processor }, folded.unreadable);
  metrics.late.inc({ processor, sampled: 'true' }, folded.late.kept);
  metrics.late.inc({ processor, sampled: 'false' }, folded.late.dropped);
}

export function createTailSamplingEvents(log: Logger, metrics: Metrics, repetition: Repetition): TailSamplingEvents {
  const seldom = (kind: string, write: (quiet: number) => void) => {
    const repeated = repetition(kind);
    if (repeated) write(repeated.quiet);
  };
  return {
    folded(folded) {
      countFolded(metrics, folded);
      const { sampler, early } = folded;
      if (early === 0) return;
      seldom(`early ${sampler}`, (quiet) =>
        log.warn(
          { event: 'tail_sampling.early', sampler, traces: early, quiet },
          `${sampler} decides on traces before their time: more of them wait than num_traces, or than the buffer has room for`,
        ),
      );
    },
    unknown({ sampler, exporter, items }) {
      metrics.tailSampling.unknown.inc({ processor: sampler, exporter }, items);
      seldom(`unknown ${sampler} ${exporter}`, (quiet) =>
        log.warn(
          { event: 'tail_sampling.unknown', sampler, exporter, items, quiet },
          `${exporter} is sent what ${sampler} knows no verdict of (any more)`,
        ),
      );
    },
    passedOver({ sampler, sequence, reason }) {
      log.error(
        { event: 'tail_sampling.passed_over', sampler, sequence, reason },
        `${sampler} passes a request over that its thread was lost over again and again: ${reason}`,
      );
    },
    lost({ sampler, frames, items }) {
      log.error(
        { event: 'tail_sampling.lost', sampler, frames, items },
        `${sampler} lost requests that it had not decided on: the buffer was full`,
      );
    },
    stuck({ sampler, reason }) {
      seldom(`stuck ${sampler}`, (quiet) =>
        log.error(
          { event: 'tail_sampling.stuck', sampler, reason, quiet },
          `${sampler} can't decide now, and its exporters wait: ${reason}`,
        ),
      );
    },
  };
}
