/** The Vercel AI SDK's `ai.*`, versions 4 to 6; version 7 sends OpenTelemetry's names, and of its own what it is asked for. */
import type { Draft } from '../draft.js';
import {
  type Apply,
  content,
  count,
  duration,
  kind,
  list,
  type Meaning,
  type MemberVocabulary,
  members,
  text,
  total,
  type Vocabulary,
} from '../rule.js';
import { EXCLUSIVE_PROVIDERS } from './vercel-cache.js';

/** Of an outer span the usage is its last step's or the sum, by version; its inner ones have their own. */
const OPERATION_IDS: Readonly<Record<string, Meaning>> = {
  'ai.generatetext': { kind: 'workflow', operation: 'ai.generateText', isAggregate: true, streaming: false },
  'ai.streamtext': { kind: 'workflow', operation: 'ai.streamText', isAggregate: true, streaming: true },
  'ai.generateobject': { kind: 'workflow', operation: 'ai.generateObject', isAggregate: true, streaming: false },
  'ai.streamobject': { kind: 'workflow', operation: 'ai.streamObject', isAggregate: true, streaming: true },
  'ai.embed': { kind: 'workflow', operation: 'ai.embed', isAggregate: true },
  'ai.embedmany': { kind: 'workflow', operation: 'ai.embedMany', isAggregate: true },
  'ai.rerank': { kind: 'workflow', operation: 'ai.rerank', isAggregate: true },
  'ai.generatetext.dogenerate': { kind: 'llm', operation: 'chat', streaming: false },
  'ai.streamtext.dostream': { kind: 'llm', operation: 'chat', streaming: true },
  'ai.generateobject.dogenerate': { kind: 'llm', operation: 'chat', streaming: false },
  'ai.streamobject.dostream': { kind: 'llm', operation: 'chat', streaming: true },
  'ai.embed.doembed': { kind: 'embedding', operation: 'embeddings' },
  'ai.embedmany.doembed': { kind: 'embedding', operation: 'embeddings' },
  'ai.rerank.dorerank': { kind: 'reranker', operation: 'rerank' },
  'ai.toolcall': { kind: 'tool', operation: 'execute_tool' },
};

/** `operation.name` is the id, a space, and the function's id. */
function byOperationName(): Apply {
  const byId = kind(OPERATION_IDS);
  return (draft, value, attribute) => {
    if (typeof value === 'string' && value.startsWith('ai.')) byId(draft, value.split(' ', 1)[0], attribute);
  };
}

const LANGFUSE_PROMPT: MemberVocabulary = [
  ['name', text('promptName')],
  ['version', text('promptVersion')],
];

export const VERCEL: Vocabulary = [
  ['ai.operationId', kind(OPERATION_IDS)],
  ['operation.name', byOperationName()],
  ['ai.model.provider', text('provider')],
  ['ai.model.id', text('requestModel')],
  ['ai.response.model', text('responseModel')],
  ['ai.response.id', text('responseId')],

  ['ai.usage.inputTokens', count('input')],
  ['ai.usage.promptTokens', count('input')],
  ['ai.usage.tokens', count('input')],
  ['ai.usage.outputTokens', count('output')],
  ['ai.usage.completionTokens', count('output')],
  ['ai.usage.totalTokens', total()],
  ['ai.usage.inputTokenDetails.cacheReadTokens', inclusive(count('cacheRead'))],
  ['ai.usage.cachedInputTokens', count('cacheRead')],
  ['ai.usage.inputTokenDetails.cacheWriteTokens', inclusive(count('cacheWrite'))],
  ['ai.usage.inputTokenDetails.noCacheTokens', inclusive(() => {})],
  ['ai.usage.outputTokenDetails.reasoningTokens', count('reasoning')],
  ['ai.usage.reasoningTokens', count('reasoning')],
  ['ai.response.providerMetadata', ...EXCLUSIVE_PROVIDERS],

  ['ai.response.finishReason', list('finishReasons')],
  ['ai.response.msToFirstChunk', duration('timeToFirstTokenNano', 'ms')],
  ['ai.stream.msToFirstChunk', duration('timeToFirstTokenNano', 'ms')],
  ['ai.telemetry.metadata.langfusePrompt', members(LANGFUSE_PROMPT)],
  ['ai.telemetry.metadata.sessionId', text('sessionId')],
  ['ai.telemetry.metadata.session_id', text('sessionId')],
  ['ai.telemetry.metadata.userId', text('userId')],
  ['ai.telemetry.metadata.user_id', text('userId')],
  ['ai.telemetry.metadata.tags', list('tags')],
  ['ai.settings.context.sessionId', text('sessionId')],
  ['ai.settings.context.session_id', text('sessionId')],
  ['ai.settings.context.userId', text('userId')],
  ['ai.settings.context.user_id', text('userId')],
  ['ai.settings.context.tags', list('tags')],
  ['ai.settings.context.langfusePrompt', members(LANGFUSE_PROMPT)],
  ['ai.telemetry.functionId', text('workflowName')],
  ['ai.toolCall.name', text('toolName')],
  ['ai.toolCall.id', text('toolCallId')],
  ['ai.toolCall.args', content('toolArguments')],
  ['ai.toolCall.result', content('toolResult')],
  ['ai.prompt.messages', content('inputMessages')],
  ['ai.prompt', content('input')],
  ['ai.value', content('input')],
  ['ai.values', content('input')],
  ['ai.response.text', content('output')],
  ['ai.response.object', content('output')],
  ['ai.result.text', content('output')],
  ['ai.result.object', content('output')],
  ['ai.response.toolCalls', content('outputToolCalls')],
  ['ai.result.toolCalls', content('outputToolCalls')],
];

/** Who sends these details (version 6) has added the cache to the input. */
function inclusive(rule: Apply): Apply {
  return (draft: Draft, value, attribute) => {
    draft.isInputApart ??= false;
    rule(draft, value, attribute);
  };
}
