/** OpenTelemetry's names of providers, for those that instrumentations use. */
import { Memo } from './memo.js';

/** By the name in lower case. */
const PROVIDERS = new Map(
  Object.entries({
    openai: 'openai',
    anthropic: 'anthropic',
    bedrock: 'aws.bedrock',
    aws: 'aws.bedrock',
    aws_bedrock: 'aws.bedrock',
    'amazon-bedrock': 'aws.bedrock',
    bedrock_converse: 'aws.bedrock',
    aws_bedrock_converse: 'aws.bedrock',
    'aws bedrock': 'aws.bedrock',
    azure: 'azure.ai.openai',
    azure_openai: 'azure.ai.openai',
    'azure-openai': 'azure.ai.openai',
    'az.ai.openai': 'azure.ai.openai',
    'azure.openai': 'azure.ai.openai',
    'az.ai.inference': 'azure.ai.inference',
    azure_ai: 'azure.ai.inference',
    cohere: 'cohere',
    cohere_chat: 'cohere',
    deepseek: 'deepseek',
    gemini: 'gcp.gemini',
    google_genai: 'gcp.gemini',
    'generativelanguage.googleapis.com': 'gcp.gemini',
    'google-gla': 'gcp.gemini',
    'google.generative-ai': 'gcp.gemini',
    google: 'gcp.gen_ai',
    gcp_gen_ai: 'gcp.gen_ai',
    vertex_ai: 'gcp.vertex_ai',
    vertexai: 'gcp.vertex_ai',
    google_vertexai: 'gcp.vertex_ai',
    google_anthropic_vertex: 'gcp.vertex_ai',
    vertex: 'gcp.vertex_ai',
    'google-vertex': 'gcp.vertex_ai',
    'google.vertex': 'gcp.vertex_ai',
    'gcp.vertex.agent': 'gcp.vertex_ai',
    vertex_ai_beta: 'gcp.vertex_ai',
    groq: 'groq',
    watsonx: 'ibm.watsonx.ai',
    'ibm watsonx': 'ibm.watsonx.ai',
    mistral: 'mistral_ai',
    mistralai: 'mistral_ai',
    'mistral ai': 'mistral_ai',
    perplexity: 'perplexity',
    xai: 'x_ai',
    'api.x.ai': 'x_ai',
    moonshot: 'moonshot_ai',
    moonshotai: 'moonshot_ai',
    together: 'together_ai',
    togetherai: 'together_ai',
  }),
);

/** Those with a dot, of which the part before it would be somebody else's name. */
const STANDARD = new Set(['aws.bedrock', 'azure.ai.inference', 'azure.ai.openai', 'ibm.watsonx.ai']);

/** What calls models, but is not who answers. */
const FRAMEWORKS = new Set([
  'langchain',
  'langgraph',
  'llamaindex',
  'llama_index',
  'crewai',
  'haystack',
  'litellm',
  'mcp',
  'strands-agents',
  'microsoft.agent_framework',
  'semantic_kernel',
  'autogen',
]);

/** Names that one provider alone gives to its models; weights that anybody may serve are not here. */
const MODELS: readonly (readonly [RegExp, string])[] = [
  [/^(?:(?:us|eu|apac|global)\.)?(?:anthropic|amazon|meta|mistral|cohere|ai21|deepseek)\.[a-z]/, 'aws.bedrock'],
  [/^claude-[^/]*@/, 'gcp.vertex_ai'],
  [/^claude-/, 'anthropic'],
  [
    /^(?:gpt-(?:3\.5|4|5)|chatgpt-|o[134](?:-|$)|text-embedding-(?:3-|ada-)|davinci-|babbage-|whisper-1|tts-1|dall-e-)/,
    'openai',
  ],
  [/^ft:(?:gpt-|davinci|babbage)/, 'openai'],
  [/^gemini-/, 'gcp.gemini'],
  [/^grok-\d/, 'x_ai'],
  [/^deepseek-(?:chat|reasoner)$/, 'deepseek'],
  [/^(?:mistral-(?:large|medium|small)|codestral|pixtral-large|ministral-\w+)-(?:latest|\d{4})$/, 'mistral_ai'],
  [/^(?:command-(?:r|a|light|nightly)|embed-(?:english|multilingual)-v|rerank-(?:english|multilingual|v))/, 'cohere'],
  [/^sonar(?:-|$)/, 'perplexity'],
  [/^moonshot-v\d/, 'moonshot_ai'],
];

/** "OpenAI", "openai.chat", "az.ai.openai"; '' where a framework is named, or nothing. */
export function providerOf(told: string): string {
  return providers.of(told);
}

const PLACES = 256;
const MAX_KNOWN_CHARS = 128;
const providers = new Memo(PLACES, MAX_KNOWN_CHARS, readProvider);

function readProvider(told: string): string {
  const name = told.toLowerCase();
  if (FRAMEWORKS.has(name)) return '';
  return PROVIDERS.get(name) ?? (STANDARD.has(name) ? name : (byHead(name) ?? byHost(name) ?? withoutTask(name)));
}

/** The Vercel AI SDK's: a provider, and what it does (`openai.chat`, `google.vertex.chat`). */
function byHead(name: string): string | undefined {
  for (let dot = name.lastIndexOf('.'); dot > 0; dot = name.lastIndexOf('.', dot - 1)) {
    const provider = PROVIDERS.get(name.slice(0, dot));
    if (provider !== undefined) return provider;
  }
  return undefined;
}

/** LiveKit's, of clients that speak to several: `api.openai.com`, `shop.openai.azure.com`. */
function byHost(name: string): string | undefined {
  if (name.endsWith('.openai.azure.com')) return 'azure.ai.openai';
  const [, maker] = /^api\.([a-z]+)\.(?:com|ai|cn)$/.exec(name) ?? [];
  return maker === undefined ? undefined : (PROVIDERS.get(maker) ?? maker);
}

const TASK = /\.(?:chat|completion|responses|messages|embedding|image|speech|transcription|reranking)$/;

/** Of a provider that no convention names: `fireworks.chat`. */
function withoutTask(name: string): string {
  return name.replace(TASK, '');
}

/** '' where it could be several. */
export function providerOfModel(model: string): string {
  return model === '' ? '' : makers.of(model);
}

const makers = new Memo(PLACES, MAX_KNOWN_CHARS, readMaker);

function readMaker(model: string): string {
  const name = model.toLowerCase();
  return MODELS.find(([pattern]) => pattern.test(name))?.[1] ?? '';
}

/** Langfuse's drop-ins name nothing else of a call that failed: "OpenAI.chat" (JavaScript), "OpenAI-generation" (Python). */
export function providerOfSpanName(name: string): string {
  return /^OpenAI[.-]/.test(name) ? 'openai' : '';
}
