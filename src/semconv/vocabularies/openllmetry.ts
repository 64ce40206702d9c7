/** OpenLLMetry (Traceloop): what it has beside OpenTelemetry's names. */
import { content, count, kind, list, streaming, template, text, total, type Vocabulary } from '../rule.js';
import { OPERATIONS } from './gen-ai.js';

export const OPENLLMETRY: Vocabulary = [
  [
    'traceloop.span.kind',
    kind({
      workflow: { kind: 'workflow', operation: 'invoke_workflow' },
      task: { kind: 'task', operation: 'execute_task' },
      agent: { kind: 'agent', operation: 'invoke_agent' },
      tool: { kind: 'tool', operation: 'execute_tool' },
    }),
  ],
  ['llm.request.type', kind(OPERATIONS)],
  ['llm.vendor', text('provider')],
  ['llm.request.model', text('requestModel')],
  ['llm.response.model', text('responseModel')],
  ['llm.response.id', text('responseId')],

  ['llm.usage.prompt_tokens', count('input')],
  ['llm.usage.completion_tokens', count('output')],
  ['llm.usage.total_tokens', total()],
  ['llm.usage.cache_read_input_tokens', count('cacheRead')],
  ['llm.usage.cache_creation_input_tokens', count('cacheWrite')],
  ['llm.usage.reasoning_tokens', count('reasoning')],

  ['llm.response.finish_reason', list('finishReasons')],
  // Before 0.50 it is said of each completion.
  ['gen_ai.completion.0.finish_reason', list('finishReasons')],
  ['llm.is_streaming', streaming()],
  ['traceloop.prompt.key', text('promptName')],
  ['traceloop.prompt.version', text('promptVersion')],
  ['traceloop.prompt.version_name', text('promptVersion')],
  ['traceloop.prompt.version_hash', text('promptVersion')],
  ['traceloop.prompt.template', template()],
  ['traceloop.association.properties.session_id', text('sessionId')],
  ['traceloop.association.properties.sessionId', text('sessionId')],
  ['traceloop.association.properties.thread_id', text('sessionId')],
  ['traceloop.association.properties.user_id', text('userId')],
  ['traceloop.association.properties.userId', text('userId')],
  ['traceloop.association.properties.tags', list('tags')],
  ['gen_ai.user', text('userId')],
  ['llm.user', text('userId')],
  ['traceloop.workflow.name', text('workflowName')],
  ['traceloop.entity.name', text('entityName')],
  ['traceloop.entity.input', content('input')],
  ['traceloop.entity.output', content('output')],
];
