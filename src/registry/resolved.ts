/** What a name and a version or a label come to. */
import type { PromptVersion } from '../store/control/prompt-version.js';
import type { CompiledPrompt, Included } from './compiled.js';

/** Which of several versions that a label stands for this is. */
export interface AssignedVariant {
  readonly label: string;
  readonly version: string;
  /** `unit`: the unit's own, the same each time. `largest`: no unit was named, so it is the one with the largest share. */
  readonly by: 'unit' | 'largest';
}

export interface Resolved {
  readonly version: PromptVersion;
  /** undefined: the label stands for one version, or no label was asked for. */
  readonly variant?: AssignedVariant | undefined;
  readonly compiled: CompiledPrompt;
  /** The database could not be asked: this is what it said before. */
  readonly stale: boolean;
  /** What it includes; undefined when it includes nothing, and before it is composed. */
  readonly composition?: Composition | undefined;
}

export interface Part {
  readonly name: string;
  readonly version: string;
  /** By which it was included; undefined for one that is included by its version. */
  readonly label: string | undefined;
}

export interface Composition extends Included {
  /** All that is included, directly or not, each reference once. */
  readonly parts: readonly Part[];
}
