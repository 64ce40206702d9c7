/**
 * What a span, or a native log, tells of a call to a model, a tool or an agent: one row of it stands beside the span,
 * derived from the attributes as they came (src/semconv) and never in their place.
 *
 * Strings are '' where nothing is known. Money is whole picodollars (10^-12 USD): prices are dollars per million tokens
 * with at most six decimals, so a cost is exact.
 */

/** `span`: no LLM operation, but it says whose session or user its trace is; the store need not keep a row of it. */
export const GENERATION_KINDS = [
  'llm',
  'embedding',
  'tool',
  'agent',
  'workflow',
  'task',
  'retriever',
  'reranker',
  'guardrail',
  'evaluator',
  'prompt',
  'span',
] as const;
export type GenerationKind = (typeof GENERATION_KINDS)[number];

/**
 * Inclusive, as OpenTelemetry counts: `input` holds cacheRead, cacheWrite and inputAudio, `output` holds reasoning and
 * outputAudio. What a sender counts apart is added when it is mapped. Whole numbers from 0 to 2^53 − 1.
 */
export const TOKEN_TYPES = [
  'input',
  'output',
  'cacheRead',
  'cacheWrite',
  'reasoning',
  'inputAudio',
  'outputAudio',
] as const;
export type TokenType = (typeof TOKEN_TYPES)[number];
export type Usage = { [type in TokenType]?: number };

/**
 * What price lists count beside these kinds: for the cost alone, no sum has it. `cacheWrite1h` are those of cacheWrite that are
 * kept for an hour, `cacheReadAudio` those of cacheRead that are audio (and of inputAudio), images are within input and output, and `webSearches` are those of the provider's own tool.
 */
export const BILLED_TYPES = ['cacheWrite1h', 'cacheReadAudio', 'inputImage', 'outputImage', 'webSearches'] as const;
export type BilledType = (typeof BILLED_TYPES)[number];
export type Billed = { [type in BilledType]?: number };

/** What has a rate of its own. `requests`: each call is one. */
export type PricedType = TokenType | BilledType | 'requests';

/** What was asked of a price list, and what it said. Shared objects: compare `key`, not identity. */
export interface Price {
  key: string;
  source: 'workspace' | 'catalog';
  /** Of the package, or of the workspace's own list. */
  version: string;
  provider: string;
  /** The entry that matched: a model's name, or the pattern. */
  model: string;
  /** The service tier that the rates are of; '' for the standard one. */
  serviceTier: string;
  /**
   * USD per million tokens, of searches and requests per thousand, as decimals. A part without a rate of its own costs what
   * its whole does.
   */
  rates: { [type in PricedType]?: string };
}

export interface Cost {
  picodollars: bigint;
  price: Price;
}

export interface Generation {
  kind: GenerationKind;
  /** `gen_ai.operation.name`, or what another vocabulary says that means the same. */
  operation: string;
  /** OpenTelemetry's name of the provider where it has one. */
  provider: string;
  requestModel: string;
  responseModel: string;
  responseId: string;
  serviceTier: string;
  usage: Usage;
  /** undefined where nothing of the kind was told, as of most calls. */
  billed: Billed | undefined;
  /**
   * The usage is of this call alone. False on agents, workflows and outer spans that repeat the sum of their children,
   * and on whatever calls no model. Of several sightings of one call (`responseId`) the store counts the first.
   */
  countable: boolean;
  /** What the sender says it cost, beside what was computed. */
  reportedCost: bigint | undefined;
  /** undefined: no price was found, which is not zero. */
  cost: Cost | undefined;
  finishReasons: string[];
  /** undefined when nobody measured it. */
  timeToFirstTokenNano: bigint | undefined;
  streaming: boolean | undefined;
  promptName: string;
  promptVersion: string;
  /**
   * The first 16 hex digits of the SHA-256 of the template, or of the first message's text: what a prompt of the registry
   * is recognised by when the span names none.
   */
  promptHash: string;
  /** Of a native log that names one: 32 hex digits. Spans are of the run that tells of their trace. */
  runId: string;
  sessionId: string;
  userId: string;
  environment: string;
  release: string;
  tags: string[];
  agentName: string;
  workflowName: string;
  toolName: string;
  toolCallId: string;
  isError: boolean;
  /** A span's; of a native log, its time, and its latency. */
  startTimeUnixNano: bigint;
  durationNano: bigint;
  /** What full text finds it by: the texts of its messages, bounded. */
  searchText: string;
  /** What could not be understood, a sentence each, bounded. */
  mappingWarnings: string[];
}

/** What sums go by, and where a generation is found: the model that answered, or that was asked. */
export function modelOf({ responseModel, requestModel }: Pick<Generation, 'responseModel' | 'requestModel'>): string {
  return responseModel || requestModel;
}
