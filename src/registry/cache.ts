/**
 * What was resolved, in memory: which version a name stands for, until something changes; and the content of versions,
 * which never does. Both have a bound.
 */
import { Lru } from '../access/lru.js';
import type { PromptVersion } from '../store/control/prompts.js';
import type { CompiledPrompt } from './compiled.js';

/** What the selectors of one prompt stand for. */
interface Pointers {
  /** When they were read first, as `performance.now()` counts. */
  readonly readAtMs: number;
  readonly versions: Map<string, PromptVersion>;
}

export interface CacheOptions {
  maxPrompts: number;
  maxContentBytes: number;
}

const MAX_SELECTORS_PER_PROMPT = 200;
/** A parsed prompt takes about this many times the room of its text. */
const BYTES_PER_CHARACTER = 8;
const BYTES_PER_ENTRY = 2_000;

function keyOf(workspace: string, name: string): string {
  return `${workspace}/${name}`;
}

export class PointerCache {
  private readonly prompts: Lru<string, Pointers>;
  private changes = 0;

  constructor({ maxPrompts }: Pick<CacheOptions, 'maxPrompts'>) {
    this.prompts = new Lru(maxPrompts);
  }

  get(workspace: string, name: string, selector: string): { version: PromptVersion; ageMs: number } | undefined {
    const pointers = this.prompts.get(keyOf(workspace, name));
    const version = pointers?.versions.get(selector);
    return version && { version, ageMs: performance.now() - pointers!.readAtMs };
  }

  /** To be taken before the database is asked, and given with the answer: an answer from before a change is not kept. */
  mark(): { changes: number; atMs: number } {
    return { changes: this.changes, atMs: performance.now() };
  }

  set(version: PromptVersion, selector: string, mark: { changes: number; atMs: number }): void {
    if (mark.changes !== this.changes) return;
    const key = keyOf(version.workspace, version.name);
    const known = this.prompts.peek(key);
    const room = known !== undefined && known.versions.size < MAX_SELECTORS_PER_PROMPT;
    // One that is read again is read anew in whole: each is as old as the oldest.
    const keep = room && !known.versions.has(selector);
    const pointers = keep ? known : { readAtMs: mark.atMs, versions: new Map<string, PromptVersion>() };
    pointers.versions.set(selector, version);
    this.prompts.set(key, pointers);
  }

  forget(workspace: string, name: string): void {
    this.changes++;
    this.prompts.delete(keyOf(workspace, name));
  }

  clear(): void {
    this.changes++;
    this.prompts.clear();
  }
}

/** By the id of the version's row. */
export class ContentCache {
  private readonly contents = new Map<number, CompiledPrompt>();
  private bytes = 0;

  constructor(private readonly options: Pick<CacheOptions, 'maxContentBytes'>) {}

  get(id: number): CompiledPrompt | undefined {
    const content = this.contents.get(id);
    if (!content) return undefined;
    this.contents.delete(id);
    this.contents.set(id, content);
    return content;
  }

  set(id: number, content: CompiledPrompt): void {
    this.delete(id);
    this.contents.set(id, content);
    this.bytes += sizeOf(content);
    for (const [oldest] of this.contents) {
      if (this.bytes <= this.options.maxContentBytes) return;
      this.delete(oldest);
    }
  }

  private delete(id: number): void {
    const content = this.contents.get(id);
    if (!content) return;
    this.contents.delete(id);
    this.bytes -= sizeOf(content);
  }
}

function sizeOf({ json }: CompiledPrompt): number {
  return BYTES_PER_ENTRY + json.length * BYTES_PER_CHARACTER;
}
