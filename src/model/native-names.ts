/** How the native API's fields stand in OTLP, so that one trace looks the same whichever door its spans came through. */

/** `running` is a native span that has not ended: OTLP's status is unset, and RUNNING is set. */
export const STATUS_NAMES = ['unset', 'ok', 'error', 'running'] as const;
export type StatusName = (typeof STATUS_NAMES)[number];

/** The scope of what came through the native door. */
export const NATIVE_SCOPE = 'promptmetrics.native';

/** The event name of a native log. */
export const LOG_EVENT = 'promptmetrics.log';

/** Attributes that stand for fields; what a client's own metadata calls the same is kept under METADATA_PREFIX. */
export const RESERVED_PREFIX = 'promptmetrics.';
/** Metadata whose key, or value, an OTLP attribute of that name could not carry as it is. */
export const METADATA_PREFIX = 'promptmetrics.metadata.';

/** Ids as the client wrote them, where that is not what the OTLP id's hex says. */
export const TRACE_ID_TEXT = 'promptmetrics.trace_id';
export const SPAN_ID_TEXT = 'promptmetrics.span_id';
export const PARENT_ID_TEXT = 'promptmetrics.parent_id';
/** Fields of a span that its client left out, where OTLP must have a value: an array of "start_time", "end_time". */
export const ABSENT = 'promptmetrics.absent';
/** true on a span that has not ended. */
export const RUNNING = 'promptmetrics.running';

/** Of logs. The gen_ai names are OpenTelemetry's semantic conventions, as are error.type and http.response.status_code. */
export const LOG_ATTRIBUTES = {
  prompt_name: 'gen_ai.prompt.name',
  version_tag: 'gen_ai.prompt.version',
  provider: 'gen_ai.provider.name',
  model: 'gen_ai.request.model',
  tokens_in: 'gen_ai.usage.input_tokens',
  tokens_out: 'gen_ai.usage.output_tokens',
  latency_ms: 'promptmetrics.latency_ms',
  cost_usd: 'promptmetrics.cost_usd',
  ollama_options: 'promptmetrics.ollama.options',
  ollama_keep_alive: 'promptmetrics.ollama.keep_alive',
  ollama_format: 'promptmetrics.ollama.format',
  status: 'promptmetrics.status',
  error_code: 'error.type',
  http_status: 'http.response.status_code',
  run_id: 'promptmetrics.run_id',
} as const;
