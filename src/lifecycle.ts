/** Starting and stopping a row of components: forwards, and the other way round. */
import type { Appender, Component } from './component.js';
import { GatewayError } from './errors.js';

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

/** Where a gateway stands between its start and its end. */
export class Life {
  #state: 'starting' | 'serving' | 'draining' = 'starting';

  readonly state = () => this.#state;
  readonly isDraining = () => this.#state === 'draining';

  /** The API answers until the end, for its probes; what it takes no more is data. */
  whileServing(next: Appender): Appender {
    return { append: (frame) => (this.isDraining() ? refuseWhileDraining() : next.append(frame)) };
  }

  of(components: readonly Component[], told: { ready(): void; stopped(): void }): Omit<Component, 'name'> {
    return {
      start: async () => {
        await startAll(components);
        this.#state = 'serving';
        told.ready();
      },
      shutdown: async ({ deadlineMs }) => {
        this.#state = 'draining';
        await shutdownAll(components, deadlineMs);
        told.stopped();
      },
    };
  }
}

async function refuseWhileDraining(): Promise<never> {
  throw new GatewayError('SHUTTING_DOWN', 'The gateway is shutting down');
}
