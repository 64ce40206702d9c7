/**
 * What spans that name no prompt are recognised by: the hashes of texts that prompts begin with, as they are written
 * (templates) and as they were handed out here (renderings). Renderings are in this process alone: another gateway, or this
 * one after a restart, does not know one until it is handed out again.
 */
import { LRUCache } from 'lru-cache';
import { MAX_KNOWN_TEXTS } from '../model/prompt-hash.js';
import type { PromptKey } from '../store/control/prompts.js';
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
  /** When it was learned, as `Renderings.version` counts. */
  at: number;
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

const NOBODY: Owner = { name: '', version: '' };

/** Both are in the order in which they were learned, and forgotten in it: what is asked for again is learned again. */
export class Renderings {
  private latest = 0;
  private forgotten = 0;
  private readonly templates: LRUCache<string, Template>;
  private readonly renderings: LRUCache<string, KnownText>;

  constructor(
    private readonly events: Pick<RegistryEvents, 'textsForgotten'>,
    max = MAX_KNOWN_TEXTS,
  ) {
    const dispose = (_value: unknown, _key: string, reason: LRUCache.DisposeReason) => {
      if (reason === 'evict') this.forgotten++;
    };
    this.templates = new LRUCache<string, Template>({ max, dispose });
    this.renderings = new LRUCache<string, KnownText>({ max, dispose });
  }

  /** Counts what was learned. */
  get version(): number {
    return this.latest;
  }

  /** What was learned after that version and is known still, of each source in the order of its learning. */
  since(version: number): KnownText[] {
    const learned: KnownText[] = [];
    for (const { text } of this.templates.values()) {
      if (text.at <= version) break;
      learned.push(text);
    }
    for (const text of this.renderings.values()) {
      if (text.at <= version) break;
      learned.push(text);
    }
    this.tellForgotten();
    return learned.reverse();
  }

  /** Of a version that was handed out with that text first. The last one counts. */
  handedOut({ workspace, name, version }: PromptKey, hash: string): void {
    const key = hash + workspace;
    const known = this.renderings.peek(key);
    if (known?.name === name && known.version === version) return;
    this.renderings.set(key, { source: 'rendering', workspace, hash, name, version, at: ++this.latest });
  }

  /** A version that is there has this text. Of one prompt the highest counts; of several, none. */
  learn({ workspace, name, version, hash }: HashedKey): void {
    const owners = this.templates.peek(hash + workspace)?.owners ?? [];
    const known = owners.find((owner) => owner.name === name);
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
    const text: KnownText = { source: 'template', workspace, hash, name, version, at: ++this.latest };
    this.templates.set(hash + workspace, { text, owners });
  }

  private tellForgotten(): void {
    if (this.forgotten > 0) this.events.textsForgotten(this.forgotten);
    this.forgotten = 0;
  }
}
