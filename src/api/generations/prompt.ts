/** Which prompt of the registry a generation was made with: looked up when it is read, so that it may be registered later. */
import type { Conversation } from '../../model/conversation.js';
import { promptHashOf } from '../../model/prompt-hash.js';
import { isPromptName } from '../../registry/paths.js';
import type { Registry } from '../../registry/registry.js';
import { isVersion } from '../../registry/version.js';
import type { StoredGeneration } from '../../store/telemetry/generations.js';

export interface LinkedPrompt {
  name: string;
  version_tag: string | null;
  registered: boolean;
  /** The span names it, or is recognised by the text that it begins with. */
  by: 'name' | 'hash';
}

export async function linkedPrompt(
  registry: Registry | undefined,
  workspace: string,
  generation: StoredGeneration,
  conversation: Promise<Conversation>,
): Promise<LinkedPrompt | null> {
  const { promptName: name, promptVersion, promptHash } = generation;
  if (name === '') return registry ? recognised(registry, workspace, generation, conversation) : null;
  const registered = registry ? await isRegistered(registry, workspace, name, promptVersion) : false;
  // What names its prompt has no hash.
  return { name, version_tag: promptVersion || null, registered, by: promptHash === '' ? 'name' : 'hash' };
}

/** By the index alone: the content need not be there. What can be no name or version is not shown to the database. */
async function isRegistered(
  { control: { prompts } }: Registry,
  workspace: string,
  name: string,
  version: string,
): Promise<boolean> {
  if (!isPromptName(name)) return false;
  if (version === '') return prompts.exists(workspace, name);
  return isVersion(version) && (await prompts.active({ workspace, name, version })) !== undefined;
}

async function recognised(
  registry: Registry,
  workspace: string,
  { promptHash, kind }: StoredGeneration,
  conversation: Promise<Conversation>,
): Promise<LinkedPrompt | null> {
  const hash = promptHash === '' && kind === 'llm' ? hashOf(await conversation) : promptHash;
  const prompt = hash === '' ? undefined : await registry.recognise(workspace, hash);
  return prompt ? { name: prompt.name, version_tag: prompt.version, registered: true, by: 'hash' } : null;
}

/** Messages that came as log events, in another request than their span, are known to nobody before somebody reads them. */
function hashOf({ input }: Conversation): string {
  const first = input[0]?.parts[0];
  return first?.type === 'text' ? promptHashOf(first.content) : '';
}
