/** Keys of objects: `<prefix><name>/<version>.json`, as clients of older versions have them in their buckets. */
import type { PromptKey } from '../../store/control/prompt-version.js';
import { keyOf, pathOf } from '../paths.js';

const OWN_ROOM = 'prompts/';
/** No name begins with a dot: no prompt of the default workspace can stand in another workspace's place. */
const OTHER_ROOMS = '.workspaces/';

/** Throws BAD_REQUEST for what can be no version. */
export function objectKeyOf(prefix: string, key: PromptKey): string {
  const path = pathOf(key);
  return path.startsWith(OWN_ROOM) ? prefix + path.slice(OWN_ROOM.length) : `${prefix}.${path}`;
}

/** undefined for what is no version's object. */
export function versionKeyOf(prefix: string, objectKey: string): PromptKey | undefined {
  if (!objectKey.startsWith(prefix)) return undefined;
  const rest = objectKey.slice(prefix.length);
  return keyOf(rest.startsWith(OTHER_ROOMS) ? rest.slice(1) : OWN_ROOM + rest);
}
