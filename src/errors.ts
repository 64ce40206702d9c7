/** gRPC status codes (github.com/grpc/grpc, doc/statuscodes.md). */
export const GRPC = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

interface Verdict {
  http: number;
  grpc: number;
  /** The sender may try the same request again. Over OTLP/HTTP only 429, 502, 503 and 504 mean that. */
  retryable: boolean;
}

/** Every error of the gateway, and the one table to HTTP and gRPC status. */
const VERDICTS = {
  // payloads and requests
  INVALID_PAYLOAD: { http: 400, grpc: GRPC.INVALID_ARGUMENT, retryable: false },
  BAD_REQUEST: { http: 400, grpc: GRPC.INVALID_ARGUMENT, retryable: false },
  UNAUTHORIZED: { http: 401, grpc: GRPC.UNAUTHENTICATED, retryable: false },
  FORBIDDEN: { http: 403, grpc: GRPC.PERMISSION_DENIED, retryable: false },
  NOT_FOUND: { http: 404, grpc: GRPC.NOT_FOUND, retryable: false },
  METHOD_NOT_ALLOWED: { http: 405, grpc: GRPC.UNIMPLEMENTED, retryable: false },
  REQUEST_TIMEOUT: { http: 408, grpc: GRPC.CANCELLED, retryable: false },
  // Collector's mapping: UNIMPLEMENTED over HTTP is 404. A method that is not served, or a stream where one message belongs.
  UNIMPLEMENTED: { http: 404, grpc: GRPC.UNIMPLEMENTED, retryable: false },
  // Nobody is told this one: the other end is gone.
  CLIENT_CLOSED_REQUEST: { http: 499, grpc: GRPC.CANCELLED, retryable: false },
  CONFLICT: { http: 409, grpc: GRPC.ALREADY_EXISTS, retryable: false },
  PAYLOAD_TOO_LARGE: { http: 413, grpc: GRPC.RESOURCE_EXHAUSTED, retryable: false },
  UNSUPPORTED_MEDIA_TYPE: { http: 415, grpc: GRPC.INVALID_ARGUMENT, retryable: false },
  UNSUPPORTED_ENCODING: { http: 415, grpc: GRPC.UNIMPLEMENTED, retryable: false },
  VALIDATION_FAILED: { http: 422, grpc: GRPC.INVALID_ARGUMENT, retryable: false },
  // draft-ietf-httpapi-idempotency-key-header-07, section 2.7: another request under the same key.
  IDEMPOTENCY_KEY_REUSED: { http: 422, grpc: GRPC.INVALID_ARGUMENT, retryable: false },
  PRECONDITION_FAILED: { http: 412, grpc: GRPC.FAILED_PRECONDITION, retryable: false },
  RATE_LIMIT_EXCEEDED: { http: 429, grpc: GRPC.RESOURCE_EXHAUSTED, retryable: true },
  // overload and outage
  BUFFER_FULL: { http: 503, grpc: GRPC.UNAVAILABLE, retryable: true },
  DISK_FULL: { http: 503, grpc: GRPC.UNAVAILABLE, retryable: true },
  DISK_FAILED: { http: 503, grpc: GRPC.UNAVAILABLE, retryable: true },
  OVERLOADED: { http: 503, grpc: GRPC.UNAVAILABLE, retryable: true },
  SHUTTING_DOWN: { http: 503, grpc: GRPC.UNAVAILABLE, retryable: true },
  // A dead letter of an exporter that was to be sent again.
  BACKEND_UNAVAILABLE: { http: 503, grpc: GRPC.UNAVAILABLE, retryable: true },
  STORE_UNAVAILABLE: { http: 503, grpc: GRPC.UNAVAILABLE, retryable: true },
  QUERY_TIMEOUT: { http: 503, grpc: GRPC.UNAVAILABLE, retryable: true },
  // start-up
  CONFIG_INVALID: { http: 500, grpc: GRPC.FAILED_PRECONDITION, retryable: false },
  ADDRESS_IN_USE: { http: 500, grpc: GRPC.FAILED_PRECONDITION, retryable: false },
  DATA_DIR_UNUSABLE: { http: 500, grpc: GRPC.FAILED_PRECONDITION, retryable: false },
  DATA_DIR_LOCKED: { http: 500, grpc: GRPC.FAILED_PRECONDITION, retryable: false },
  SCHEMA_INCOMPATIBLE: { http: 500, grpc: GRPC.FAILED_PRECONDITION, retryable: false },
  // everything else
  INTERNAL_ERROR: { http: 500, grpc: GRPC.INTERNAL, retryable: false },
} as const satisfies Record<string, Verdict>;

export type ErrorCode = keyof typeof VERDICTS;

export interface GatewayErrorOptions {
  cause?: unknown;
  /** How long the sender should wait before it tries again: Retry-After, or google.rpc.RetryInfo. */
  retryAfterMs?: number;
  details?: unknown;
}

export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly code: ErrorCode;
  readonly retryAfterMs: number | undefined;
  readonly details: unknown;

  constructor(code: ErrorCode, message: string, options: GatewayErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryAfterMs = options.retryAfterMs ?? (VERDICTS[code].retryable ? 1000 : undefined);
    this.details = options.details;
  }

  get retryable(): boolean {
    return VERDICTS[this.code].retryable;
  }
  get httpStatus(): number {
    return VERDICTS[this.code].http;
  }
  get grpcStatus(): number {
    return VERDICTS[this.code].grpc;
  }
}

/** Any thrown value as a GatewayError: what is not one already becomes INTERNAL_ERROR with a message that tells nothing. */
export function toGatewayError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  return new GatewayError('INTERNAL_ERROR', 'Internal server error', { cause: error });
}
