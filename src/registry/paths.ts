/** Where a version's file stands in the content store: the one place that turns names into paths, and back. */
import { GatewayError } from '../errors.js';
import { DEFAULT_WORKSPACE } from '../model/workspace.js';
import type { PromptKey } from '../store/control/prompt-version.js';
import { isVersion } from './version.js';

/** No dots: no part is `..`, and none is taken for a version. */
const PART = /^[a-zA-Z0-9_-]{1,128}$/;
/** Folders and the prompt's own part. */
const MAX_PARTS = 5;
const MAX_NAME_CHARACTERS = 128;

/** `welcome`, or in folders: `support/billing/welcome`. */
export function isPromptName(text: string): boolean {
  if (text.length > MAX_NAME_CHARACTERS) return false;
  const parts = text.split('/');
  return parts.length <= MAX_PARTS && parts.every((part) => PART.test(part));
}

/** The path without its ending is the name of the version's tag. */
function stemOf({ workspace, name, version }: PromptKey): string {
  if (!PART.test(workspace) || !isPromptName(name) || !isVersion(version)) {
    throw new GatewayError('BAD_REQUEST', 'No such workspace, prompt or version can be');
  }
  const room = workspace === DEFAULT_WORKSPACE ? '' : `workspaces/${workspace}/`;
  return `${room}prompts/${name}/${version}`;
}

export function pathOf(key: PromptKey): string {
  return `${stemOf(key)}.json`;
}

export function tagOf(key: PromptKey): string {
  return stemOf(key);
}

const PATH = /^(?:workspaces\/([^/]+)\/)?prompts\/(.+)\/([^/]+)\.json$/;

/** undefined for what is no version's file. */
export function keyOf(path: string): PromptKey | undefined {
  const [, workspace = DEFAULT_WORKSPACE, name, version] = PATH.exec(path) ?? [];
  if (name === undefined || version === undefined || !isVersion(version)) return undefined;
  if (!isPromptName(name) || !PART.test(workspace)) return undefined;
  const key = { workspace, name, version };
  // `workspaces/default/…` would be another file of the same version.
  return pathOf(key) === path ? key : undefined;
}
