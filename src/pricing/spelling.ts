/** One spelling of each provider and service tier, for own prices and for what is looked up in them. */

/** In an own price: of whatever provider, or tier. */
export const ANY = '';
export const STANDARD_TIER = 'standard';

const STANDARD_TIERS = new Set(['', 'auto', 'default', 'on_demand', 'on-demand', 'standard', 'standard_only']);

/** OpenTelemetry's names, of what other vocabularies and its own earlier versions say. */
const PROVIDERS: ReadonlyMap<string, string> = new Map([
  ['az.ai.inference', 'azure.ai.inference'],
  ['az.ai.openai', 'azure.ai.openai'],
  ['azure_openai', 'azure.ai.openai'],
  ['bedrock', 'aws.bedrock'],
  ['gemini', 'gcp.gemini'],
  ['mistral', 'mistral_ai'],
  ['mistralai', 'mistral_ai'],
  ['moonshot', 'moonshot_ai'],
  ['moonshotai', 'moonshot_ai'],
  ['vertex_ai', 'gcp.vertex_ai'],
  ['x-ai', 'x_ai'],
  ['xai', 'x_ai'],
]);

export function canonicalProvider(text: string): string {
  const name = text.trim().toLowerCase();
  return PROVIDERS.get(name) ?? name;
}

/** Of a call. Without a word about it, it is the standard one. */
export function canonicalTier(text: string): string {
  const name = text.trim().toLowerCase();
  return STANDARD_TIERS.has(name) ? STANDARD_TIER : name;
}
