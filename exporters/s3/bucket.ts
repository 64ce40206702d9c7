/** A bucket that objects are put into, once each. Loaded when the first is: the SDK takes memory that others save. */
import { PutObjectCommand, S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import type { S3Target } from './config.js';
import { failureOf } from './failure.js';

export interface StoredObject {
  key: string;
  body: Uint8Array;
  contentType: string;
  /** Of the body, in hex. */
  sha256: string;
}

const CONNECT_MS = 3_000;

/** Not `Bucket`: TypeScript 7.0 takes the command's property of that name for the class, and renames it where it emits `#` fields. */
export class TargetBucket {
  readonly #client: S3Client;
  readonly #config: S3Target;
  /** Until the store says that it doesn't know them. */
  #knowsConditions = true;

  constructor(config: S3Target) {
    this.#config = config;
    this.#client = new S3Client(clientConfig(config));
  }

  /** Leaves one that is there already as it is: keys tell contents. Rejects with what the SDK throws. */
  async put(object: StoredObject, abort: AbortSignal): Promise<void> {
    try {
      await this.#putOnce(object, abort);
    } catch (error) {
      const { status } = failureOf(error);
      if (status === 412) return;
      if (status !== 501 || !this.#knowsConditions) throw error;
      this.#knowsConditions = false;
      await this.#putOnce(object, abort);
    }
  }

  close(): void {
    this.#client.destroy();
  }

  async #putOnce({ key, body, contentType, sha256 }: StoredObject, abort: AbortSignal): Promise<void> {
    const { bucket, endpoint, timeoutMs } = this.#config;
    const command = new PutObjectCommand({
      Bucket: bucket,
      Key: key,
      Body: body,
      ContentType: contentType,
      ...(this.#knowsConditions && { IfNoneMatch: '*' }),
      // Not every other store knows the checksums that AWS has added.
      ...(endpoint === undefined && { ChecksumSHA256: Buffer.from(sha256, 'hex').toString('base64') }),
    });
    // The signature covers the hash of the body, which the SDK would compute on the main thread.
    command.middlewareStack.add(
      (next) => async (input) => {
        (input.request as { headers: Record<string, string> }).headers['x-amz-content-sha256'] = sha256;
        return next(input);
      },
      { step: 'build', name: 'knownHash' },
    );
    await this.#client.send(command, { abortSignal: AbortSignal.any([abort, AbortSignal.timeout(timeoutMs)]) });
  }
}

function clientConfig(config: S3Target): S3ClientConfig {
  const { region, endpoint, accessKey, secretKey, timeoutMs, forcePathStyle = endpoint !== undefined } = config;
  return {
    region,
    forcePathStyle,
    // The exporter tries again by itself: more slowly, and at the pace of its circuit.
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: Math.min(CONNECT_MS, timeoutMs),
      requestTimeout: timeoutMs,
      throwOnRequestTimeout: true,
      socketTimeout: timeoutMs,
    },
    ...(accessKey !== undefined &&
      secretKey !== undefined && { credentials: { accessKeyId: accessKey, secretAccessKey: secretKey } }),
    ...(endpoint !== undefined && {
      endpoint,
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    }),
  };
}
