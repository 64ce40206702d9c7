/** Which prompts were put together of which others: who watches one is told of changes of all its parts. Bounded. */
import { Lru } from '../access/lru.js';

/** Of those that everybody includes, this many hear of a change at once; the others when they look for themselves. */
const MAX_DEPENDENTS = 1_000;
const MAX_PARTS = 1_000;

function keyOf(workspace: string, name: string): string {
  return `${workspace}/${name}`;
}

export class Dependents {
  private readonly names = new Lru<string, Set<string>>(MAX_PARTS);

  add(workspace: string, part: string, whole: string): void {
    const key = keyOf(workspace, part);
    const wholes = this.names.get(key) ?? new Set();
    if (wholes.size < MAX_DEPENDENTS) wholes.add(whole);
    this.names.set(key, wholes);
  }

  of(workspace: string, part: string): Iterable<string> {
    return this.names.peek(keyOf(workspace, part)) ?? [];
  }
}
