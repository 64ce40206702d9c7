/**
 * What was resolved, in memory: which version a name stands for, until something changes; and the content of versions,
 * which never does. Both have a bound.
 */
import { LRUCache } from 'lru-cache';
import { growingTo } from '../lru-bounds.js';
import type { PromptVersion } from '../store/control/prompt-version.js';
import type { CompiledPrompt } from './compiled.js';

/** One of several versions that a label stands for. */
export interface Variant {
  readonly version: PromptVersion;
  readonly weight: number;
}

export interface Split {
  readonly label: string;
  /** Makes the split of each label another one. */
  readonly seed: string;
  readonly variants: readonly Variant[];
}

/** What a selector stands for: a version, or several of which `version` weighs most. */
export interface Target {
  readonly version: PromptVersion;
  readonly split?: Split | undefined;
}

interface Pointer {
  readonly target: Target;
  /** As `performance.now()` counts; before all time when something has changed since. */
  readAtMs: number;
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

/** What has changed is kept, as too old: it is served, and said to be stale, when nobody knows better. */
export class PointerCache {
  private readonly prompts: LRUCache<string, Map<string, Pointer>>;
  private changes = 0;
  private clearedAtMs = Number.NEGATIVE_INFINITY;

  constructor({ maxPrompts }: Pick<CacheOptions, 'maxPrompts'>) {
    this.prompts = new LRUCache(growingTo(maxPrompts));
  }

  get(workspace: string, name: string, selector: string): { target: Target; ageMs: number } | undefined {
    const pointer = this.prompts.get(keyOf(workspace, name))?.get(selector);
    if (!pointer) return undefined;
    const { target, readAtMs } = pointer;
    return { target, ageMs: readAtMs < this.clearedAtMs ? Number.POSITIVE_INFINITY : performance.now() - readAtMs };
  }

  /** To be taken before the database is asked, and given with the answer: an answer from before a change is not kept. */
  mark(): { changes: number; atMs: number } {
    return { changes: this.changes, atMs: performance.now() };
  }

  set(target: Target, selector: string, mark: { changes: number; atMs: number }): void {
    if (mark.changes !== this.changes) return;
    const key = keyOf(target.version.workspace, target.version.name);
    const pointers = this.prompts.peek(key) ?? new Map<string, Pointer>();
    pointers.delete(selector);
    if (pointers.size >= MAX_SELECTORS_PER_PROMPT) pointers.delete(pointers.keys().next().value!);
    pointers.set(selector, { target, readAtMs: mark.atMs });
    this.prompts.set(key, pointers);
  }

  /** For what is there no longer. */
  delete(workspace: string, name: string, selector: string): void {
    const key = keyOf(workspace, name);
    const pointers = this.prompts.peek(key);
    if (pointers?.delete(selector) && pointers.size === 0) this.prompts.delete(key);
  }

  forget(workspace: string, name: string): void {
    this.changes++;
    const pointers = this.prompts.peek(keyOf(workspace, name));
    for (const pointer of pointers?.values() ?? []) pointer.readAtMs = Number.NEGATIVE_INFINITY;
  }

  forgetAll(): void {
    this.changes++;
    this.clearedAtMs = performance.now();
  }
}

/** By the id of the version's row. */
export class ContentCache {
  private readonly contents: LRUCache<number, CompiledPrompt>;

  constructor({ maxContentBytes }: Pick<CacheOptions, 'maxContentBytes'>) {
    // No room at all is too little for any content, but a bound that must be more than nothing.
    this.contents = new LRUCache({ maxSize: Math.max(1, maxContentBytes), sizeCalculation: sizeOf });
  }

  get(id: number): CompiledPrompt | undefined {
    return this.contents.get(id);
  }

  set(id: number, content: CompiledPrompt): void {
    this.contents.set(id, content);
  }
}

function sizeOf({ json }: CompiledPrompt): number {
  return BYTES_PER_ENTRY + json.length * BYTES_PER_CHARACTER;
}
