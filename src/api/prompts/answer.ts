/** What a prompt is answered with, and the tag of it. */
import {
  type CompiledPrompt,
  placeholdersOf,
  type Rendered,
  renderPrompt,
  renderWith,
} from '../../registry/compiled.js';
import type { Registry } from '../../registry/registry.js';
import type { Resolved } from '../../registry/resolved.js';
import { settle, type Variables } from '../../registry/variables.js';
import type { PromptVersion } from '../../store/control/prompt-version.js';
import { etagOf } from '../etag.js';
import { renderPart, renderPlace, renderVariant } from './render.js';

/** What is the same in each answer with this version. */
interface Kept {
  place: string;
  /** Of the answer with placeholders, and what it was made of. */
  plain?: { compiled: CompiledPrompt; etag: string };
}

export class PromptAnswers {
  /** Of versions that are in the registry's memory, for as long as they are. */
  private readonly kept = new WeakMap<PromptVersion, Kept>();

  constructor(private readonly registry: Registry) {}

  rendered(resolved: Resolved, variables: Variables): string {
    return this.handOut(resolved, renderPrompt(resolved.compiled, variables, resolved.composition));
  }

  /** Of values of any type, as they are declared. Throws VALIDATION_FAILED, naming each that is missing or wrong. */
  renderedStrictly(resolved: Resolved, variables: Variables): string {
    const { compiled, composition } = resolved;
    const declarations = composition?.declarations ?? compiled.prompt.variables ?? {};
    return this.handOut(resolved, renderWith(compiled, settle(declarations, variables), composition));
  }

  plain(resolved: Resolved): string {
    return this.bodyOf(resolved, placeholdersOf(resolved.compiled, resolved.composition).json);
  }

  /** Also when the client has it already: its calls are recognised by it. */
  noteHandedOut({ version, compiled, composition }: Resolved): void {
    this.registry.renderings.handedOut(version, placeholdersOf(compiled, composition).textHash);
  }

  /** The tag of the answer with placeholders: reckoned once. */
  plainTag(resolved: Resolved): string {
    const { version, compiled, composition, variant } = resolved;
    // What it includes may be another version each time, and so may be whose variant it is.
    if (composition || variant) return etagOf(this.plain(resolved));
    const kept = this.keptOf(version);
    if (kept.plain?.compiled !== compiled) kept.plain = { compiled, etag: etagOf(this.plain(resolved)) };
    return kept.plain.etag;
  }

  private handOut(resolved: Resolved, { json, textHash }: Rendered): string {
    this.registry.renderings.handedOut(resolved.version, textHash);
    return this.bodyOf(resolved, json);
  }

  private bodyOf({ version, variant, composition }: Resolved, content: string): string {
    const which = variant ? `,"variant":${JSON.stringify(renderVariant(variant))}` : '';
    const parts = composition ? `,"parts":${JSON.stringify(composition.parts.map(renderPart))}` : '';
    return `{"content":${content},"version":${this.keptOf(version).place}${which}${parts}}`;
  }

  private keptOf(version: PromptVersion): Kept {
    const known = this.kept.get(version);
    if (known) return known;
    const kept = { place: JSON.stringify(renderPlace(this.registry, version)) };
    this.kept.set(version, kept);
    return kept;
  }
}
