/** Long polls: who shows the tag of what it has is answered when there is something else, or has waited long enough. */
import type { FastifyReply } from 'fastify';
import type { Registry } from '../../registry/registry.js';

interface Tagged {
  etag: string;
}

export interface Waiting {
  registry: Registry;
  workspace: string;
  name: string;
  waitMs: number;
  reply: FastifyReply;
}

/** Throws what `look` throws: a label that is removed meanwhile is told of, too. */
export async function untilOther<Answer extends Tagged>(
  { registry, workspace, name, waitMs, reply }: Waiting,
  isKnown: (answer: Answer) => boolean,
  look: () => Answer | Promise<Answer>,
): Promise<Answer> {
  const untilMs = performance.now() + waitMs;
  // Before the first look: what changes behind it is not missed.
  const watch = registry.watch(workspace, name);
  reply.raw.once('close', () => watch.close());
  try {
    for (;;) {
      const answer = await look();
      const leftMs = untilMs - performance.now();
      if (leftMs <= 0 || !isKnown(answer) || (await watch.next(leftMs)) !== 'changed') return answer;
    }
  } finally {
    watch.close();
  }
}
