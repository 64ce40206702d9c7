/** OpenInference (Arize Phoenix). */
import {
  content,
  count,
  kind,
  list,
  type MemberVocabulary,
  members,
  money,
  template,
  text,
  total,
  type Vocabulary,
} from '../rule.js';
import { providerAnswer } from './provider-answer.js';

/** Which ids LangChain's users put where OpenInference keeps what it was given. */
const METADATA: MemberVocabulary = [
  ['session_id', text('sessionId')],
  ['sessionId', text('sessionId')],
  ['session.id', text('sessionId')],
  ['thread_id', text('sessionId')],
  ['conversation_id', text('sessionId')],
  ['user_id', text('userId')],
  ['userId', text('userId')],
  ['user.id', text('userId')],
];

export const OPENINFERENCE: Vocabulary = [
  [
    'openinference.span.kind',
    kind({
      llm: { kind: 'llm', operation: 'chat' },
      embedding: { kind: 'embedding', operation: 'embeddings' },
      chain: { kind: 'workflow', operation: 'chain' },
      retriever: { kind: 'retriever', operation: 'retrieval' },
      reranker: { kind: 'reranker', operation: 'rerank' },
      tool: { kind: 'tool', operation: 'execute_tool' },
      agent: { kind: 'agent', operation: 'invoke_agent' },
      guardrail: { kind: 'guardrail', operation: 'guardrail' },
      evaluator: { kind: 'evaluator', operation: 'evaluator' },
      prompt: { kind: 'prompt', operation: 'prompt' },
    }),
  ],
  ['llm.provider', text('provider')],
  ['llm.system', text('provider')],
  ['llm.request.model_name', text('requestModel')],
  ['llm.model_name', text('requestModel')],
  ['embedding.model_name', text('requestModel')],
  ['reranker.model_name', text('requestModel')],
  ['llm.response.model_name', text('responseModel')],
  // A failed call's model is nowhere else.
  [
    'llm.invocation_parameters',
    members([
      ['model', text('requestModel')],
      ['service_tier', text('serviceTier')],
    ]),
  ],

  ['llm.token_count.prompt', count('input')],
  ['llm.token_count.completion', count('output')],
  ['llm.token_count.total', total()],
  ['llm.token_count.prompt_details.cache_read', count('cacheRead')],
  ['llm.token_count.prompt_details.cache_input', count('cacheRead')],
  ['llm.token_count.prompt_details.cache_write', count('cacheWrite')],
  ['llm.token_count.prompt_details.audio', count('inputAudio')],
  ['llm.token_count.completion_details.reasoning', count('reasoning')],
  ['llm.token_count.completion_details.audio', count('outputAudio')],
  ['llm.cost.total', money('reportedCost')],
  ['llm.cost.prompt', money('inputCost')],
  ['llm.cost.completion', money('outputCost')],

  ['llm.finish_reason', list('finishReasons')],
  ['prompt.id', text('promptName')],
  ['prompt.url', text('promptName')],
  ['llm.prompt_template.version', text('promptVersion')],
  ['llm.prompt_template.template', template()],
  ['metadata', members(METADATA)],
  ['tag.tags', list('tags')],
  ['agent.name', text('agentName')],
  ['graph.node.name', text('agentName')],
  ['graph.node.id', text('agentName')],
  ['tool.name', text('toolName')],
  ['tool_call.id', text('toolCallId')],
  ['tool.id', text('toolCallId')],
  ['input.value', content('input')],
  ['reranker.query', content('input')],
  // Of most it is the schema of what a tool takes, of some what it was given.
  ['tool.parameters', content('input')],
  ['output.value', content('output'), providerAnswer()],
];
