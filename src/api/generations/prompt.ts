/** Which prompt of the registry a generation was made with: looked up when it is read, so that it may be registered later. */
import { GatewayError } from '../../errors.js';
import type { Registry } from '../../registry/registry.js';
import type { Selector } from '../../registry/selector.js';
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
  { promptName: name, promptVersion, promptHash }: StoredGeneration,
): Promise<LinkedPrompt | null> {
  if (name === '') return promptHash === '' || !registry ? null : recognised(registry, workspace, promptHash);
  const selector = promptVersion === '' ? undefined : { version: promptVersion };
  const registered = registry ? await isRegistered(registry, workspace, name, selector) : false;
  // What names its prompt has no hash.
  return { name, version_tag: promptVersion || null, registered, by: promptHash === '' ? 'name' : 'hash' };
}

/** A name that no prompt could have is one that the registry has not. */
async function isRegistered(registry: Registry, workspace: string, name: string, selector: Selector): Promise<boolean> {
  try {
    await registry.resolve(workspace, name, selector);
    return true;
  } catch (error) {
    if (error instanceof GatewayError && !error.retryable) return false;
    throw error;
  }
}

async function recognised(registry: Registry, workspace: string, hash: string): Promise<LinkedPrompt | null> {
  const prompt = await registry.recognise(workspace, hash);
  return prompt ? { name: prompt.name, version_tag: prompt.version, registered: true, by: 'hash' } : null;
}
