/** A bucket as the driver needs it. Loaded when it is used: the SDK takes memory and time that other drivers save. */
import { addAbortSignal, type Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  type ListObjectsV2CommandOutput,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { GatewayError } from '../../errors.js';
import type { S3Config } from './config.js';
import { failureOf, fromS3 } from './errors.js';

export interface ListedObject {
  key: string;
  /** Changes when the object is another one. */
  etag: string;
  lastModifiedUnixMs: number;
}

export interface ObjectHead {
  metadata: Readonly<Record<string, string>>;
  lastModifiedUnixMs: number;
}

export interface BucketOptions {
  config: S3Config & { s3Bucket: string };
  /** For one try of a request; all tries together may take three times as long. */
  timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;
const CONNECT_MS = 3_000;
const CHECK_MS = 3_000;
/** Of one request, by the SDK: with pauses between them that grow. */
const MAX_TRIES = 3;
const RETRY_MS = 50;
/** An object that is larger is no prompt: its content is not read. */
export const MAX_OBJECT_BYTES = 16 * 2 ** 20;

export class Bucket {
  private readonly client: S3Client;
  private readonly closing = new AbortController();
  private readonly bucket: string;
  private readonly deadlineMs: number;

  constructor({ config, timeoutMs = TIMEOUT_MS }: BucketOptions) {
    this.bucket = config.s3Bucket;
    this.deadlineMs = MAX_TRIES * timeoutMs;
    this.client = new S3Client(clientConfig(config, timeoutMs));
  }

  /** False, and nothing is written, when there is an object of that key. */
  async put(key: string, text: string, metadata: Record<string, string>): Promise<boolean> {
    for (let tries = 1; tries <= MAX_TRIES; tries++) {
      const outcome = await this.putOnce(key, text, metadata);
      if (outcome !== 'contended') return outcome === 'written';
      await sleep(RETRY_MS * tries);
    }
    throw new GatewayError('STORE_UNAVAILABLE', `S3: others write ${key}`);
  }

  /** undefined when there is none, and when it is too large. */
  async get(key: string): Promise<string | undefined> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.getOnce(key);
      } catch (error) {
        if (failureOf(error).name === 'NoSuchKey') return undefined;
        // The SDK tries again until the answer begins, and not when it breaks off.
        const told = fromS3(error, this.bucket);
        if (!told.retryable || tries === MAX_TRIES || this.closing.signal.aborted) throw told;
      }
    }
  }

  async head(key: string): Promise<ObjectHead | undefined> {
    const command = new HeadObjectCommand({ Bucket: this.bucket, Key: key });
    try {
      const { Metadata: metadata = {}, LastModified } = await this.client.send(command, this.within());
      return { metadata, lastModifiedUnixMs: LastModified?.getTime() ?? Date.now() };
    } catch (error) {
      if (failureOf(error).status === 404) return undefined;
      throw fromS3(error, this.bucket);
    }
  }

  /** All of a prefix, in the order of their keys; one page at a time, of 1,000 at most. */
  async *list(prefix: string): AsyncGenerator<ListedObject[]> {
    let continuation: string | undefined;
    do {
      const page = await this.page({ Prefix: prefix, ContinuationToken: continuation });
      yield (page.Contents ?? []).map(({ Key, ETag, LastModified }) => ({
        key: Key!,
        etag: ETag ?? '',
        lastModifiedUnixMs: LastModified?.getTime() ?? 0,
      }));
      continuation = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (continuation !== undefined);
  }

  /** Rejects when the bucket can't be had: CONFIG_INVALID names the setting that is at fault. Waits for no slow one. */
  async check(prefix: string): Promise<void> {
    await this.page({ Prefix: prefix, MaxKeys: 1 }, CHECK_MS);
  }

  /** What is still running is broken off. */
  close(): void {
    this.closing.abort(new GatewayError('SHUTTING_DOWN', 'The prompt store is closed'));
    this.client.destroy();
  }

  private async putOnce(
    key: string,
    text: string,
    metadata: Record<string, string>,
  ): Promise<'written' | 'exists' | 'contended'> {
    const object = { Body: Buffer.from(text), ContentType: 'application/json', Metadata: metadata };
    const command = new PutObjectCommand({ Bucket: this.bucket, Key: key, IfNoneMatch: '*', ...object });
    try {
      await this.client.send(command, this.within());
      return 'written';
    } catch (error) {
      const { name, status } = failureOf(error);
      if (status === 412) return 'exists';
      // S3 User Guide, "Conditional writes": a write that meets another one of the same key is to be tried again.
      if (name === 'ConditionalRequestConflict' || status === 409) return 'contended';
      throw fromS3(error, this.bucket);
    }
  }

  private async getOnce(key: string): Promise<string | undefined> {
    const within = this.within();
    const command = new GetObjectCommand({ Bucket: this.bucket, Key: key });
    const { Body, ContentLength }: GetObjectCommandOutput = await this.client.send(command, within);
    const body = addAbortSignal(within.abortSignal, Body as Readable);
    if ((ContentLength ?? 0) > MAX_OBJECT_BYTES) {
      body.destroy();
      return undefined;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString();
  }

  private async page(
    query: Omit<ListObjectsV2CommandInput, 'Bucket'>,
    deadlineMs = this.deadlineMs,
  ): Promise<ListObjectsV2CommandOutput> {
    const command = new ListObjectsV2Command({ Bucket: this.bucket, ...query });
    try {
      return await this.client.send(command, this.within(deadlineMs));
    } catch (error) {
      throw fromS3(error, this.bucket);
    }
  }

  private within(deadlineMs = this.deadlineMs): { abortSignal: AbortSignal } {
    return { abortSignal: AbortSignal.any([this.closing.signal, AbortSignal.timeout(deadlineMs)]) };
  }
}

function clientConfig(config: S3Config, timeoutMs: number): S3ClientConfig {
  const { s3Region, s3Endpoint, s3AccessKey, s3SecretKey } = config;
  return {
    region: s3Region,
    maxAttempts: MAX_TRIES,
    requestHandler: {
      connectionTimeout: Math.min(CONNECT_MS, timeoutMs),
      requestTimeout: timeoutMs,
      throwOnRequestTimeout: true,
      socketTimeout: timeoutMs,
    },
    ...(s3AccessKey !== undefined &&
      s3SecretKey !== undefined && { credentials: { accessKeyId: s3AccessKey, secretAccessKey: s3SecretKey } }),
    ...(s3Endpoint !== undefined && {
      endpoint: s3Endpoint,
      forcePathStyle: true,
      // Not every other store knows the checksums that AWS has added.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    }),
  };
}
