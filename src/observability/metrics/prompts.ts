import { Counter, type Registry } from 'prom-client';

export function promptMetrics(registry: Registry) {
  const registers = [registry];
  return {
    adopted: new Counter({
      name: 'promptmetrics_prompt_versions_adopted_total',
      help: 'Versions that came into the content store past the gateway, and are served now',
      registers,
    }),
    unusable: new Counter({
      name: 'promptmetrics_prompt_files_unusable_total',
      help: 'Files of the content store that are no prompts',
      registers,
    }),
    settled: new Counter({
      name: 'promptmetrics_prompt_writes_settled_total',
      help: 'Writes that were broken off, and were completed or taken back',
      labelNames: ['outcome'],
      registers,
    }),
    deferred: new Counter({
      name: 'promptmetrics_prompt_writes_deferred_total',
      help: 'Tries to write a version that the content store could not take, so that it is pending',
      registers,
    }),
    stale: new Counter({
      name: 'promptmetrics_prompts_served_stale_total',
      help: 'Answers as they were known last, because the database or the content store could not be asked',
      registers,
    }),
    textsForgotten: new Counter({
      name: 'promptmetrics_prompt_texts_forgotten_total',
      help: 'Templates and rendered texts that spans are recognised by no more, because others came after them',
      registers,
    }),
  };
}
