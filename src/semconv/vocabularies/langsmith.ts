/** LangSmith's export of OTLP: OpenTelemetry's names, and what LangChain and LangGraph know beside them as metadata. */
import {
  type Apply,
  count,
  kind,
  list,
  type MemberVocabulary,
  members,
  streaming,
  text,
  type Vocabulary,
} from '../rule.js';

const METADATA = 'langsmith.metadata.';

/** LangChain's, whose input holds what was read from the cache. */
const INPUT_DETAILS: MemberVocabulary = [
  ['cache_read', count('cacheRead')],
  ['cache_creation', count('cacheWrite')],
  ['audio', count('inputAudio')],
];
const OUTPUT_DETAILS: MemberVocabulary = [
  ['reasoning', count('reasoning')],
  ['audio', count('outputAudio')],
];

/** One text: "seq:step:1, shop". */
function tags(): Apply {
  const set = list('tags');
  return (draft, value, attribute) => set(draft, typeof value === 'string' ? value.split(', ') : value, attribute);
}

const USAGE: MemberVocabulary = [
  ['input_token_details', members(INPUT_DETAILS)],
  ['output_token_details', members(OUTPUT_DETAILS)],
];

/** Believed before the operation: that of a prompt is called a chat, and that of a retriever an embedding. */
export const LANGSMITH_KIND: Vocabulary = [
  [
    'langsmith.span.kind',
    kind({
      llm: { kind: 'llm', operation: 'chat' },
      embedding: { kind: 'embedding', operation: 'embeddings' },
      retriever: { kind: 'retriever', operation: 'retrieval' },
      tool: { kind: 'tool', operation: 'execute_tool' },
      chain: { kind: 'workflow', operation: 'chain' },
      prompt: { kind: 'prompt', operation: 'prompt' },
      parser: { kind: 'task', operation: 'parser' },
    }),
  ],
];

export const LANGSMITH: Vocabulary = [
  ['langsmith.span.tags', tags()],
  ['langsmith.request.streaming', streaming()],
  ['gen_ai.response.service_tier', text('serviceTier')],
  [`${METADATA}session_id`, text('sessionId')],
  [`${METADATA}thread_id`, text('sessionId')],
  [`${METADATA}conversation_id`, text('sessionId')],
  [`${METADATA}user_id`, text('userId')],
  [`${METADATA}lc_agent_name`, text('agentName')],
  [`${METADATA}usage_metadata`, members(USAGE)],
  ['gen_ai.usage.input_token_details', members(INPUT_DETAILS)],
  ['gen_ai.usage.output_token_details', members(OUTPUT_DETAILS)],
];
