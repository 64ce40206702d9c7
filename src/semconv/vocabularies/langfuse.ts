/** Langfuse SDKs, versions 3 and later, which send OTLP. */
import { type Apply, content, kind, list, members, momentOfFirstToken, text, type Vocabulary, when } from '../rule.js';
import { langfuseCost, langfuseUsage } from './langfuse-usage.js';

/** Its default, which says nothing where the resource says something. */
const DEFAULT_ENVIRONMENT = 'default';

function environment(): Apply {
  const set = text('environment');
  return (draft, value, attribute) => {
    if (value !== DEFAULT_ENVIRONMENT) set(draft, value, attribute);
  };
}

export const LANGFUSE: Vocabulary = [
  [
    'langfuse.observation.type',
    kind({
      generation: { kind: 'llm', operation: 'chat' },
      embedding: { kind: 'embedding', operation: 'embeddings' },
      agent: { kind: 'agent', operation: 'invoke_agent' },
      tool: { kind: 'tool', operation: 'execute_tool' },
      chain: { kind: 'workflow', operation: 'chain' },
      retriever: { kind: 'retriever', operation: 'retrieval' },
      evaluator: { kind: 'evaluator', operation: 'evaluator' },
      guardrail: { kind: 'guardrail', operation: 'guardrail' },
      span: { kind: 'span' },
      event: { kind: 'span' },
    }),
  ],
  [
    'langfuse.observation.level',
    when('error', (draft) => {
      draft.isError = true;
    }),
  ],
  ['langfuse.observation.model.name', text('requestModel')],
  ['langfuse.observation.model.parameters', members([['service_tier', text('serviceTier')]])],
  ['langfuse.observation.usage_details', langfuseUsage()],
  ['langfuse.observation.cost_details', langfuseCost()],
  ['langfuse.observation.completion_start_time', momentOfFirstToken()],
  ['langfuse.observation.prompt.name', text('promptName')],
  ['langfuse.prompt.name', text('promptName')],
  ['langfuse.observation.prompt.version', text('promptVersion')],
  ['langfuse.prompt.version', text('promptVersion')],
  ['langfuse.session.id', text('sessionId')],
  ['langfuse.user.id', text('userId')],
  ['langfuse.trace.metadata.session_id', text('sessionId')],
  ['langfuse.trace.metadata.user_id', text('userId')],
  ['langfuse.trace.name', text('workflowName')],
  ['langfuse.trace.tags', list('tags')],
  ['langfuse.environment', environment()],
  ['langfuse.trace.environment', environment()],
  ['langfuse.release', text('release')],
  ['langfuse.trace.release', text('release')],
  ['langfuse.version', text('release')],
  ['langfuse.observation.input', content('input')],
  ['langfuse.trace.input', content('input')],
  ['langfuse.observation.output', content('output')],
  ['langfuse.trace.output', content('output')],
];
