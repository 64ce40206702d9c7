/** What Claude's Agent SDK and Claude Code send of themselves: a few of OpenTelemetry's names, and their own for the rest. */
import { type Apply, content, count, duration, kind, ofKind, type Vocabulary, when } from '../rule.js';

/** Of a call to the model alone. */
const ofCall = (rule: Apply) => ofKind('llm', rule);

export const CLAUDE_CODE: Vocabulary = [
  [
    'span.type',
    kind({
      interaction: { kind: 'agent', operation: 'invoke_agent' },
      llm_request: { kind: 'llm', operation: 'chat' },
      tool: { kind: 'tool', operation: 'execute_tool' },
      // Parts of a tool's span: the wait for a permission, and the run itself.
      'tool.blocked_on_user': { kind: 'task', operation: 'tool.blocked_on_user' },
      'tool.execution': { kind: 'task', operation: 'tool.execution' },
      hook: { kind: 'task', operation: 'hook' },
    }),
    // As Anthropic counts: the cache is beside the input.
    when('llm_request', (draft) => {
      draft.isInputApart ??= true;
    }),
  ],
  ['input_tokens', ofCall(count('input'))],
  ['output_tokens', ofCall(count('output'))],
  ['cache_read_tokens', ofCall(count('cacheRead'))],
  ['cache_creation_tokens', ofCall(count('cacheWrite'))],
  ['ttft_ms', ofCall(duration('timeToFirstTokenNano', 'ms'))],
  ['user_prompt', content('input')],
];
