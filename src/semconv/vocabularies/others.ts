/**
 * Instrumentations with names of their own beside the vocabularies: Logfire, pydantic-ai, MLflow, Claude Code, LangSmith, litellm,
 * Google's ADK, LiveKit.
 */
import {
  content,
  count,
  duration,
  kind,
  list,
  type MemberVocabulary,
  means,
  members,
  money,
  text,
  total,
  type Vocabulary,
  when,
} from '../rule.js';
import { CLAUDE_CODE } from './claude-code.js';
import { LANGSMITH } from './langsmith.js';
import { LOGFIRE_AGENTS } from './logfire-agents.js';

const MLFLOW_USAGE: MemberVocabulary = [
  ['input_tokens', count('input')],
  ['output_tokens', count('output')],
  ['total_tokens', total()],
  ['cache_read_input_tokens', count('cacheRead')],
  ['cache_creation_input_tokens', count('cacheWrite')],
];

/** litellm names the two sums in attributes of their own, and their parts only here, as a Python literal. */
const LITELLM_USAGE: MemberVocabulary = [
  ['prompt_tokens_details.cached_tokens', count('cacheRead')],
  ['prompt_tokens_details.cache_write_tokens', count('cacheWrite')],
  ['completion_tokens_details.reasoning_tokens', count('reasoning')],
];

const MODEL: MemberVocabulary = [['model', text('requestModel')]];

const CHAT_RESPONSE: MemberVocabulary = [
  ['id', text('responseId')],
  ['model', text('responseModel')],
];

export const OTHERS: Vocabulary = [
  // Logfire announces a span before it has ended, under an id of its own.
  [
    'logfire.span_type',
    when('pending_span', (draft) => {
      draft.isAggregate = true;
    }),
  ],
  ['logfire.tags', list('tags')],
  ...LOGFIRE_AGENTS,
  ['request_data', content('input'), members(MODEL)],
  ['response_data', content('output')],

  // pydantic-ai: an agent's run, which carries the sums of its calls. Early versions name no operation.
  ['all_messages_events', means({ kind: 'agent', operation: 'invoke_agent', isAggregate: true }), content('events')],
  [
    'pydantic_ai.all_messages',
    means({ kind: 'agent', operation: 'invoke_agent', isAggregate: true }),
    content('inputMessages'),
  ],
  ['gen_ai.aggregated_usage.input_tokens', means({ isAggregate: true }), count('input')],
  ['gen_ai.aggregated_usage.output_tokens', means({ isAggregate: true }), count('output')],
  ['final_result', content('output')],
  ['pydantic_ai.final_result', content('output')],
  ['agent_name', text('agentName')],
  ['tool_arguments', content('toolArguments')],
  ['tool_response', content('toolResult')],
  ['events', content('events')],

  [
    'mlflow.spanType',
    kind({
      llm: { kind: 'llm', operation: 'text_completion' },
      chat_model: { kind: 'llm', operation: 'chat' },
      embedding: { kind: 'embedding', operation: 'embeddings' },
      tool: { kind: 'tool', operation: 'execute_tool' },
      agent: { kind: 'agent', operation: 'invoke_agent' },
      chain: { kind: 'workflow', operation: 'chain' },
      workflow: { kind: 'workflow', operation: 'invoke_workflow' },
      task: { kind: 'task', operation: 'execute_task' },
      parser: { kind: 'task', operation: 'parser' },
      memory: { kind: 'task', operation: 'memory' },
      retriever: { kind: 'retriever', operation: 'retrieval' },
      reranker: { kind: 'reranker', operation: 'rerank' },
      guardrail: { kind: 'guardrail', operation: 'guardrail' },
      evaluator: { kind: 'evaluator', operation: 'evaluator' },
    }),
  ],
  ['mlflow.llm.provider', text('provider')],
  ['mlflow.llm.model', text('requestModel')],
  ['mlflow.chat.tokenUsage', members(MLFLOW_USAGE)],
  ['mlflow.llm.cost', members([['total_cost', money('reportedCost')]])],
  ['mlflow.trace.session', text('sessionId')],
  ['mlflow.trace.user', text('userId')],
  ['mlflow.spanInputs', content('input'), members(MODEL)],
  ['mlflow.spanOutputs', content('output'), members(CHAT_RESPONSE)],

  ...CLAUDE_CODE,
  ...LANGSMITH,

  ['metadata.usage_object', members(LITELLM_USAGE)],

  ['gcp.vertex.agent.session_id', text('sessionId')],
  ['gcp.vertex.agent.llm_request', content('input'), members(MODEL)],
  ['gcp.vertex.agent.llm_response', content('output')],
  ['gcp.vertex.agent.tool_call_args', content('toolArguments')],
  ['gcp.vertex.agent.tool_response', content('toolResult')],

  // LiveKit's later versions mark what a person said: `lk.pii.`.
  ['lk.user_id', text('userId')],
  ['lk.function_tool.id', text('toolCallId')],
  ['lk.function_tool.name', text('toolName')],
  ['lk.response.ttft', duration('timeToFirstTokenNano', 's')],
  ...['lk.', 'lk.pii.'].flatMap(
    (prefix): Vocabulary => [
      [`${prefix}function_tool.arguments`, content('toolArguments')],
      [`${prefix}function_tool.output`, content('toolResult')],
      [`${prefix}instructions`, content('system')],
      [`${prefix}chat_ctx`, content('input')],
      [`${prefix}user_input`, content('input')],
      [`${prefix}input_text`, content('input')],
      [`${prefix}response.text`, content('output')],
      [`${prefix}response.function_calls`, content('outputToolCalls')],
    ],
  ),
];
