/** A provider's answer that a vocabulary keeps as it came: of what it has no attribute for, the answer tells. */
import { isObject, type JsonObject, objectOf } from '../json.js';
import { type Apply, members, text } from '../rule.js';

/** Of more the head is enough: OpenAI and Anthropic begin with the id. */
const MAX_ANSWER_CHARS = 64 * 1024;
const ID_AT_HEAD = /^\s*\{\s*"id"\s*:\s*"([^"\\]{1,200})"/;

export function providerAnswer(): Apply {
  return (draft, value, attribute) => {
    if (draft.kind !== 'llm' || draft.responseId !== undefined || typeof value !== 'string') return;
    const isLong = value.length > MAX_ANSWER_CHARS;
    const answer = isLong ? { id: ID_AT_HEAD.exec(value)?.[1], model: '' } : answerIn(objectOf(value));
    const model = answer?.model ?? answer?.model_name;
    if (typeof answer?.id === 'string' && typeof model === 'string') readAnswer(draft, answer, attribute);
  };
}

/** LangChain keeps what the provider said of the whole in a member. */
function answerIn(object: JsonObject | undefined): JsonObject | undefined {
  return isObject(object?.llm_output) ? object.llm_output : object;
}

const readAnswer = members([
  ['id', text('responseId')],
  ['model', text('responseModel')],
  ['model_name', text('responseModel')],
  ['service_tier', text('serviceTier')],
]);
