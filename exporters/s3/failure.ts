/**
 * What a refusal of S3 means. It looks into no object, so none of its refusals is of the content: a bucket that is missing, a
 * key that is denied or a signature that is wrong is mended by an operator, and everything waits in the buffer until then.
 */
import { parseRetryAfter, reasonOf } from '../otlp/answer.js';
import type { Answer } from '../transport.js';

/** Of what the SDK throws: its name is S3's error code, where S3 has answered. */
export interface Failure {
  name: string;
  message: string;
  status: number | undefined;
  retryAfter: string | undefined;
}

interface ResponseLike {
  statusCode?: number;
  headers?: Record<string, string>;
}

export function failureOf(error: unknown): Failure {
  const { name = 'Error', message = String(error) } = error as Partial<Error>;
  const { $metadata, $response } = error as { $metadata?: { httpStatusCode?: number }; $response?: ResponseLike };
  const status = $metadata?.httpStatusCode ?? $response?.statusCode;
  return { name, message, status, retryAfter: $response?.headers?.['retry-after'] };
}

const NO_CREDENTIALS = 'CredentialsProviderError';
const ELSEWHERE = new Set(['PermanentRedirect', 'AuthorizationHeaderMalformed', 'IllegalLocationConstraintException']);

export function answerOf(error: unknown, bucket: string): Answer {
  const failure = failureOf(error);
  const reason = reasonOf(`S3: ${whatOf(failure, bucket)}`, wordsOf(failure));
  if (failure.status === 413 || failure.name === 'EntityTooLarge') return { kind: 'too-large', reason };
  const retryAfterMs = parseRetryAfter(failure.retryAfter);
  return { kind: 'retry', reason, ...(retryAfterMs !== undefined && { retryAfterMs }) };
}

/** Where an operator should look. */
function whatOf({ name, status }: Failure, bucket: string): string {
  if (name === 'NoSuchBucket' || (status === 404 && name !== 'NoSuchKey')) return `there is no bucket ${bucket}`;
  if (name === NO_CREDENTIALS) return 'no access key is set, and the AWS SDK finds none';
  if (status === 301 || ELSEWHERE.has(name)) return `the bucket ${bucket} is in another region`;
  if (status === 401 || status === 403) return `access to the bucket ${bucket} is denied`;
  return status === undefined ? 'no answer' : `HTTP ${status}`;
}

function wordsOf({ name, message }: Failure): string {
  if (name === 'Error') return message;
  return message === '' || message === name ? name : `${name}: ${message}`;
}
