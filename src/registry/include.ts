/**
 * How a template includes another prompt: as a partial whose name says which version. `{{> footer}}` is the highest
 * release, `{{> footer@1.2.0}}` that version, `{{> footer:production}}` what the label stands for. Neither `@` nor `:`
 * can be in a name.
 */
import { isPromptName } from './paths.js';
import { isLabel, type Selector } from './selector.js';
import { TemplateError } from './template.js';
import { isVersion } from './version.js';

export interface Include {
  /** As it is written. */
  readonly reference: string;
  readonly name: string;
  readonly selector: Selector;
}

const REFERENCE = /^([^@:]+)(?:@(.*)|:(.*))?$/s;

/** Throws a TemplateError, which says where. */
export function readReference(reference: string, start: number): Include {
  const [, name, version, label] = REFERENCE.exec(reference) ?? [];
  const valid =
    name !== undefined &&
    isPromptName(name) &&
    (version === undefined || isVersion(version)) &&
    (label === undefined || isLabel(label));
  if (!valid) throw new TemplateError(`No prompt is named like the included "${reference}" at ${start}`);
  return { reference, name, selector: selectorOf(version, label) };
}

function selectorOf(version: string | undefined, label: string | undefined): Selector {
  if (version !== undefined) return { version };
  return label === undefined ? undefined : { label };
}
