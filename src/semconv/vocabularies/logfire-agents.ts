/** Logfire's spans of OpenAI's Agents SDK: no convention names what they are, but the template of the message does. */
import { content, count, kind, type MemberVocabulary, members, ofKind, text, type Vocabulary } from '../rule.js';

const USAGE: MemberVocabulary = [
  ['input_tokens_details.cached_tokens', count('cacheRead')],
  ['input_tokens_details.cache_write_tokens', count('cacheWrite')],
  ['output_tokens_details.reasoning_tokens', count('reasoning')],
];

export const LOGFIRE_AGENTS: Vocabulary = [
  [
    'logfire.msg_template',
    kind({
      'openai agents trace: {name}': { kind: 'workflow', operation: 'invoke_workflow' },
      'agent run: {name!r}': { kind: 'agent', operation: 'invoke_agent' },
      'handoff: {from_agent} → {to_agent}': { kind: 'agent', operation: 'handoff' },
      'function: {name}': { kind: 'tool', operation: 'execute_tool' },
      'guardrail {name!r} {triggered=}': { kind: 'guardrail', operation: 'guardrail' },
      'mcp: list tools from server {server}': { kind: 'task', operation: 'list_tools' },
      'chat completion with {gen_ai.request.model!r}': { kind: 'llm', operation: 'chat' },
    }),
  ],
  // Of spans whose template holds a name.
  [
    'sdk_span_type',
    kind({
      task: { kind: 'workflow', operation: 'invoke_workflow' },
      turn: { kind: 'agent', operation: 'agent_step' },
    }),
  ],
  ['name', text('entityName')],
  ['to_agent', ofKind('agent', text('agentName'))],
  ['group_id', ofKind('workflow', text('sessionId'))],
  ['response_id', ofKind('llm', text('responseId'))],
  // The sums are in attributes of OpenTelemetry's.
  ['usage', ofKind('llm', members(USAGE))],
  ['input', content('input')],
  ['output', content('output')],
];
