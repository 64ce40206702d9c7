import { GatewayError } from '../../errors.js';

/** What the SDK throws: its name is S3's error code, where S3 has answered. */
interface Failure {
  name: string;
  message: string;
  status: number | undefined;
}

/** Of S3's "Error responses": they pass by themselves, though their status says otherwise. */
const PASSING = new Set(['ExpiredToken', 'TokenRefreshRequired', 'RequestTimeTooSkewed', 'RequestTimeout', 'SlowDown']);
const ELSEWHERE = new Set(['PermanentRedirect', 'AuthorizationHeaderMalformed', 'IllegalLocationConstraintException']);
const NO_CREDENTIALS = 'CredentialsProviderError';

export function failureOf(error: unknown): Failure {
  const { name = 'Error', message = String(error) } = error as Partial<Error>;
  const { $metadata } = error as { $metadata?: { httpStatusCode?: number } };
  return { name, message, status: $metadata?.httpStatusCode };
}

/** Says which setting is at fault when one is: CONFIG_INVALID. What may pass is STORE_UNAVAILABLE. */
export function fromS3(error: unknown, bucket: string): GatewayError {
  if (error instanceof GatewayError) return error;
  const failure = failureOf(error);
  const fault = faultOf(failure, bucket);
  if (fault !== undefined) return new GatewayError('CONFIG_INVALID', fault, { cause: error });
  const code = mayPass(failure) ? 'STORE_UNAVAILABLE' : 'INTERNAL_ERROR';
  return new GatewayError(code, `S3: ${describe(failure)}`, { cause: error });
}

function faultOf(failure: Failure, bucket: string): string | undefined {
  const { name, status } = failure;
  if (PASSING.has(name)) return undefined;
  if (name === 'NoSuchBucket') return `S3_BUCKET: there is no bucket ${bucket}`;
  if (name === NO_CREDENTIALS)
    return 'S3_ACCESS_KEY and S3_SECRET_KEY are not set, and the AWS SDK finds no credentials';
  if (status === 301 || ELSEWHERE.has(name)) return `S3_REGION: the bucket ${bucket} is in another region`;
  // An answer to HEAD has no body that would say more.
  if (status === 401 || status === 403) return `S3 denies access to the bucket ${bucket}: ${describe(failure)}`;
  if (status === 501) return `S3_ENDPOINT: the store does not do what is needed: ${describe(failure)}`;
  return undefined;
}

/** Without a status nothing was answered, or nothing that could be read. */
function mayPass({ name, status }: Failure): boolean {
  return PASSING.has(name) || status === undefined || status < 400 || status === 408 || status === 429 || status >= 500;
}

function describe({ name, message }: Failure): string {
  if (name === 'Error') return message;
  return message === '' || message === name ? name : `${name}: ${message}`;
}
