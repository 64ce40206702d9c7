/**
 * What spans that name no prompt are recognised by: the hashes of texts that prompts begin with, as they are written
 * (templates) and as they were handed out here (renderings). Renderings are in this process alone: another gateway, or this
 * one after a restart, does not know one until it is handed out again.
 */
import { LRUCache } from 'lru-cache';
import { growingTo } from '../lru-bounds.js';
import { MAX_KNOWN_TEXTS } from '../model/prompt-hash.js';
import type { PromptKey } from '../store/control/prompt-version.js';
import type { RegistryEvents } from './events.js';
import { outranks } from './version.js';

/** Never changed: what is learned of the same text later is another one. */
export interface KnownText {
  source: 'template' | 'rendering';
  workspace: string;
  hash: string;
  /** '' for a text that several prompts have, or none any more: spans are not recognised by it. */
  name: string;
  version: string;
}

export interface LearnedTexts {
  /** Up to where that is. */
  version: number;
  texts: readonly KnownText[];
}

/** A text as it is written, and the prompts that begin with it, each by the highest of its versions. */
interface Template {
  text: KnownText;
  owners: readonly Owner[];
}

type Owner = Pick<PromptKey, 'name' | 'version'>;
export type HashedKey = PromptKey & { hash: string };

/** Of one text; of more prompts than that it is known that they are several. */
const MAX_OWNERS = 50;
/** At once: some 10 ms of writing and reading JSON. */
const MAX_TOLD = 20_000;

const NOBODY: Owner = { name: '', version: '' };

export class Renderings {
  private readonly templates: LRUCache<string, Template>;
  /** Thousands a second: the older half is forgotten at once, but for what was handed out again since. */
  private young = new Map<string, KnownText>();
  private old = new Map<string, KnownText>();
  /** All that was learned since `logStart`, in its order. */
  private log: KnownText[] = [];
  private logStart = 0;
  /** The log begins with all that is known: nothing was cut off since. */
  private isWhole = true;
  private forgotten = 0;

  /** `max`: of templates, and of renderings. What was learned the longest time ago is forgotten first. */
  constructor(
    private readonly events: Pick<RegistryEvents, 'textsForgotten'>,
    private readonly max = MAX_KNOWN_TEXTS,
  ) {
    const dispose: LRUCache.Disposer<string, Template> = (_template, _key, reason) => {
      if (reason === 'evict') this.forgotten++;
    };
    this.templates = new LRUCache({ ...growingTo(max), dispose });
  }

  /** What was learned behind that version, or the first part of it; all that is known where that is too long ago. */
  since(version: number): LearnedTexts {
    // Who is told of all already goes on where it is, whoever else begins anew meanwhile.
    if (version < this.logStart && !this.isWhole) this.tellAllAgain();
    const from = Math.max(0, version - this.logStart);
    const texts = this.log.slice(from, from + MAX_TOLD);
    this.tellForgotten();
    return { version: this.logStart + from + texts.length, texts };
  }

  /** A version was handed out with that text first. Of several the last one counts. */
  handedOut({ workspace, name, version }: PromptKey, hash: string): void {
    const key = hash + workspace;
    const known = this.young.get(key);
    if (known?.name === name && known.version === version) return;
    const text: KnownText = { source: 'rendering', workspace, hash, name, version };
    if (!known && this.young.size * 2 >= this.max) this.forgetOld();
    this.young.set(key, text);
    this.old.delete(key);
    this.note(text);
  }

  /** The version that was handed out last with that text first. */
  withText(workspace: string, hash: string): PromptKey | undefined {
    const key = hash + workspace;
    const known = this.young.get(key) ?? this.old.get(key);
    return known && { workspace, name: known.name, version: known.version };
  }

  /** A version that is there begins with this text. Of one prompt the highest counts; of several prompts, none. */
  learn({ workspace, name, version, hash }: HashedKey): void {
    const owners = this.templates.peek(hash + workspace)?.owners ?? [];
    const known = owners.find((owner) => owner.name === name);
    if (known?.version === version) return;
    if (known ? !outranks(version, known.version) : owners.length >= MAX_OWNERS) return;
    this.setOwners(workspace, hash, [...owners.filter((owner) => owner !== known), { name, version }]);
  }

  /** That version is there no longer. */
  unlearn({ workspace, name, version, hash }: HashedKey): void {
    const owners = this.templates.peek(hash + workspace)?.owners ?? [];
    const left = owners.filter((owner) => owner.name !== name || owner.version !== version);
    if (left.length < owners.length) this.setOwners(workspace, hash, left);
  }

  private setOwners(workspace: string, hash: string, owners: readonly Owner[]): void {
    const { name, version } = owners.length === 1 ? owners[0]! : NOBODY;
    const text: KnownText = { source: 'template', workspace, hash, name, version };
    this.templates.set(hash + workspace, { text, owners });
    this.note(text);
  }

  private forgetOld(): void {
    this.forgotten += this.old.size;
    this.old = this.young;
    this.young = new Map();
  }

  /** Of the length it has when all is told again, with room for what is learned until that is told. */
  private note(text: KnownText): void {
    this.log.push(text);
    if (this.log.length <= 3 * this.max) return;
    this.logStart += this.log.splice(0, this.max).length;
    this.isWhole = false;
  }

  private tellAllAgain(): void {
    this.logStart += this.log.length;
    const templates = [...this.templates.rvalues()].flatMap((template) => template?.text ?? []);
    this.log = [...templates, ...this.old.values(), ...this.young.values()];
    this.isWhole = true;
  }

  private tellForgotten(): void {
    if (this.forgotten > 0) this.events.textsForgotten(this.forgotten);
    this.forgotten = 0;
  }
}
