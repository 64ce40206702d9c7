/** Starting and stopping a row of components: forwards, and the other way round. */
import type { Component } from './component.js';

/** Starts one after another. When one fails, those before it are shut down again, and its error is thrown. */
export async function startAll(components: readonly Component[]): Promise<void> {
  for (const [index, component] of components.entries()) {
    try {
      await component.start();
    } catch (error) {
      await shutdownAll(components.slice(0, index + 1), 1000).catch(() => {});
      throw error;
    }
  }
}

/**
 * Shuts down the last first. They share one deadline: what is left of it goes to the next. Every one gets its turn,
 * also after another has failed; the first failure is thrown at the end.
 */
export async function shutdownAll(components: readonly Component[], deadlineMs: number): Promise<void> {
  const endsAt = performance.now() + deadlineMs;
  const failures: unknown[] = [];
  for (const component of components.toReversed()) {
    const leftMs = Math.max(0, endsAt - performance.now());
    await component.shutdown({ deadlineMs: leftMs }).catch((error: unknown) => failures.push(error));
  }
  if (failures.length > 0) throw failures[0];
}
