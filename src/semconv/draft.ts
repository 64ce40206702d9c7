/** What is known of a span while its attributes are gone through: what was told first stays. */
import type { Billed, GenerationKind, Usage } from '../model/generation.js';
import type { JsonSlice } from './json-slice.js';
import { Warnings } from './warnings.js';

/** In the order in which they came: enough to find a span by, without putting messages together. */
export interface FlatTexts {
  input: JsonSlice[];
  output: JsonSlice[];
  /** Of the first message. */
  first: JsonSlice | undefined;
  finishReasons: unknown[];
}

export interface Draft {
  warnings: Warnings;
  /** What a moment in an attribute is counted from. */
  startTimeUnixNano: bigint;
  kind: GenerationKind | undefined;
  operation: string | undefined;
  /** Its usage is a sum over its children, whatever its kind. */
  isAggregate: boolean;
  /** Where it stands in an attribute: Langfuse's level, a native log's status. */
  isError: boolean | undefined;
  provider: string | undefined;
  requestModel: string | undefined;
  responseModel: string | undefined;
  responseId: string | undefined;
  serviceTier: string | undefined;
  usage: Usage;
  billed: Billed | undefined;
  /** A count that could not be understood. */
  hasOddCount: boolean;
  totalTokens: number | undefined;
  /** The sender counts parts beside their whole (true) or within it (false); undefined: the figures have to tell. */
  isInputApart: boolean | undefined;
  isOutputApart: boolean | undefined;
  reportedCost: bigint | undefined;
  /** Where nobody told the sum. */
  inputCost: bigint | undefined;
  outputCost: bigint | undefined;
  finishReasons: string[] | undefined;
  timeToFirstTokenNano: bigint | undefined;
  durationNano: bigint | undefined;
  streaming: boolean | undefined;
  promptName: string | undefined;
  promptVersion: string | undefined;
  template: string | undefined;
  runId: string | undefined;
  sessionId: string | undefined;
  userId: string | undefined;
  environment: string | undefined;
  release: string | undefined;
  tags: string[] | undefined;
  agentName: string | undefined;
  workflowName: string | undefined;
  /** A name that means an agent, a tool or a workflow, according to the kind. */
  entityName: string | undefined;
  toolName: string | undefined;
  toolCallId: string | undefined;
  content: Readonly<Content>;
  /** Messages by index; they stand between `messages` and `input` / `output` of the content. */
  flat: FlatTexts | undefined;
}

/** Where it stands in the attributes' text. */
export interface Content {
  system: JsonSlice | undefined;
  inputMessages: JsonSlice | undefined;
  outputMessages: JsonSlice | undefined;
  input: JsonSlice | undefined;
  output: JsonSlice | undefined;
  toolArguments: JsonSlice | undefined;
  toolResult: JsonSlice | undefined;
  /** Tool calls of an answer whose text is `output`. */
  outputToolCalls: JsonSlice | undefined;
  /** Messages as OpenTelemetry's older events, in an attribute. */
  events: JsonSlice | undefined;
}

export function newContent(): Content {
  return {
    system: undefined,
    inputMessages: undefined,
    outputMessages: undefined,
    input: undefined,
    output: undefined,
    toolArguments: undefined,
    toolResult: undefined,
    outputToolCalls: undefined,
    events: undefined,
  };
}

/** Of most spans: shared, and never written to. */
export const NO_CONTENT: Readonly<Content> = Object.freeze(newContent());

export function newDraft(startTimeUnixNano: bigint): Draft {
  return {
    warnings: new Warnings(),
    startTimeUnixNano,
    kind: undefined,
    operation: undefined,
    isAggregate: false,
    isError: undefined,
    provider: undefined,
    requestModel: undefined,
    responseModel: undefined,
    responseId: undefined,
    serviceTier: undefined,
    usage: {},
    billed: undefined,
    hasOddCount: false,
    totalTokens: undefined,
    isInputApart: undefined,
    isOutputApart: undefined,
    reportedCost: undefined,
    inputCost: undefined,
    outputCost: undefined,
    finishReasons: undefined,
    timeToFirstTokenNano: undefined,
    durationNano: undefined,
    streaming: undefined,
    promptName: undefined,
    promptVersion: undefined,
    template: undefined,
    runId: undefined,
    sessionId: undefined,
    userId: undefined,
    environment: undefined,
    release: undefined,
    tags: undefined,
    agentName: undefined,
    workflowName: undefined,
    entityName: undefined,
    toolName: undefined,
    toolCallId: undefined,
    content: NO_CONTENT,
    flat: undefined,
  };
}
