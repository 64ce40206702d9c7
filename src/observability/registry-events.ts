import type { RegistryEvents } from '../registry/events.js';
import type { Logger } from './logger.js';
import type { Metrics } from './metrics.js';
import type { Repetition } from './repetition.js';

export function createRegistryEvents(log: Logger, metrics: Metrics, repetition: Repetition): RegistryEvents {
  const { prompts } = metrics;
  return {
    adopted(versions) {
      prompts.adopted.inc(versions);
      log.info({ event: 'registry.adopted', versions }, 'Prompts that were committed past the gateway are served now');
    },
    unusable(path, reason) {
      prompts.unusable.inc();
      log.warn(
        { event: 'registry.unusable', path },
        `A file of the prompt store is no prompt, and is left out: ${reason}`,
      );
    },
    settled(outcome, prompt) {
      prompts.settled.inc({ outcome });
      log.warn({ event: 'registry.settled', outcome, prompt }, `A write that was broken off: ${outcome}`);
    },
    deferred(prompt, error) {
      prompts.deferred.inc();
      const due = repetition('deferred');
      if (!due) return;
      log.warn(
        { event: 'registry.deferred', prompt, quiet: due.quiet, err: error },
        'A version is pending until the prompt store takes it',
      );
    },
    contentStoreUnreachable(error) {
      log.warn(
        { event: 'registry.unreachable', err: error },
        'The prompt store can not be reached: what is here of it is served, what is written is pending',
      );
    },
    contentStoreReachable() {
      log.info({ event: 'registry.reachable' }, 'The prompt store can be reached again');
    },
    tagsRefused(error) {
      const due = repetition('tags');
      if (!due) return;
      log.warn({ event: 'registry.tags_refused', quiet: due.quiet, err: error }, 'Tags of prompts could not be pushed');
    },
    reconcileFailed(error) {
      log.warn(
        { event: 'registry.reconcile_failed', err: error },
        'The prompt store could not be compared: tried again',
      );
    },
    gitMissing() {
      log.warn({ event: 'registry.git_missing' }, 'There is no git program: prompts are committed in JavaScript');
    },
    servedStale(error) {
      prompts.stale.inc();
      const due = repetition('stale');
      if (!due) return;
      log.warn({ event: 'registry.stale', quiet: due.quiet, err: error }, 'Prompts are served as they were known last');
    },
    textsForgotten(texts) {
      prompts.textsForgotten.inc(texts);
    },
  };
}
