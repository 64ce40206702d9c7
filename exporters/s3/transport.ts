/**
 * Requests as objects in a bucket, and behind each object its manifest: a reader who follows the manifests finds nothing
 * that is not whole. What may have been put, but was not acknowledged, is put again: as the same object when it is the same
 * request, and in another one beside it when a crash has had the buffer cut otherwise. Readers must expect repetitions, as
 * with any exporter; an object's name and `item_id` tell them.
 */
import { createHash } from 'node:crypto';
import type { TaskPool } from '../../src/component.js';
import { encodedOn } from '../encoding.js';
import type { Answer, ExportRequest, Transport } from '../transport.js';
import type { StoredObject, TargetBucket } from './bucket.js';
import { compressionOf, type S3Target } from './config.js';
import type { ContentPart, ObjectContent } from './content.js';
import { answerOf } from './failure.js';
import { keysOf } from './keys.js';
import { type Archived, archivedOf, manifestOf } from './manifest.js';
import type { EncodedObject } from './object.js';

/** The operation of the pool: an ObjectContent in, an EncodedObject out. */
export const ENCODE_OBJECT = 's3-object';

export interface S3TransportOptions {
  config: S3Target;
  /** Runs `encodeObject` as the operation ENCODE_OBJECT. */
  pool: TaskPool;
  gatewayId: () => string;
  now?: () => number;
}

const ACCEPTED: Answer = { kind: 'accepted', rejected: 0, message: '' };

const CONTENT_TYPES = { otlp_proto: 'application/x-protobuf', parquet: 'application/vnd.apache.parquet' } as const;

/** Does no I/O. */
export function createS3Transport(options: S3TransportOptions): Transport {
  return new S3Transport(options);
}

class S3Transport implements Transport {
  readonly endpoint: string;
  readonly byWorkspace = true;
  readonly byHour = true;
  readonly #options: S3TransportOptions;
  #bucket: Promise<TargetBucket> | undefined;

  constructor(options: S3TransportOptions) {
    this.#options = options;
    const { bucket, prefix = '' } = options.config;
    this.endpoint = `s3://${bucket}/${prefix}`;
  }

  /** A thread that encodes, and a search for credentials, can't be broken off: they are left behind. */
  send(request: ExportRequest, abort: AbortSignal): Promise<Answer> {
    return new Promise((resolve) => {
      const leave = () => resolve({ kind: 'retry', reason: 'S3: it was broken off' });
      if (abort.aborted) return leave();
      abort.addEventListener('abort', leave, { once: true });
      const end = () => abort.removeEventListener('abort', leave);
      void this.#archive(request, abort).then(resolve).finally(end);
    });
  }

  async close(): Promise<void> {
    const opened = this.#bucket;
    this.#bucket = undefined;
    (await opened?.catch(() => undefined))?.close();
  }

  async #archive(request: ExportRequest, abort: AbortSignal): Promise<Answer> {
    try {
      const content = this.#contentOf(request);
      const encoded = await encodedOn<EncodedObject>(this.#options.pool, ENCODE_OBJECT, () => ({ argument: content }));
      if (encoded.reason !== undefined) return { kind: 'refused', reason: encoded.reason, ofContent: true };
      await this.#put(archivedOf(request, content, encoded), abort);
      return ACCEPTED;
    } catch (error) {
      return answerOf(error, this.#options.config.bucket);
    }
  }

  #contentOf({ signal, workspace, payload, parts }: ExportRequest): ObjectContent {
    const { config, gatewayId, now = Date.now } = this.#options;
    const whole = { sequence: undefined, piece: '', receivedTimeUnixMs: now(), bytes: payload.length };
    const { format } = config;
    return {
      ...{ signal, workspace, format, compression: compressionOf(config), gatewayId: gatewayId() },
      parts: parts?.map((part): ContentPart => {
        const { sequence, piece, receivedTimeUnixMs } = part;
        return { sequence, piece, receivedTimeUnixMs, bytes: part.payload.length };
      }) ?? [whole],
      // A copy: what is handed to a thread takes the whole range along that it is a view of.
      payload: new Uint8Array(payload),
    };
  }

  /** The manifest last: without it the object is not there yet. */
  async #put(archived: Archived, abort: AbortSignal): Promise<void> {
    const { content, body, sha256 } = archived;
    const keys = keysOf({ ...content, ...archived, prefix: this.#options.config.prefix });
    const bucket = await this.#opened();
    await bucket.put({ key: keys.object, body, contentType: contentTypeOf(content), sha256 }, abort);
    await bucket.put(jsonObject(keys.manifest, manifestOf(keys.object, archived)), abort);
  }

  #opened(): Promise<TargetBucket> {
    this.#bucket ??= this.#open();
    return this.#bucket;
  }

  /** Not before it is needed; one that could not be opened is opened the next time. */
  async #open(): Promise<TargetBucket> {
    try {
      const { TargetBucket } = await import('./bucket.js');
      return new TargetBucket(this.#options.config);
    } catch (error) {
      this.#bucket = undefined;
      throw error;
    }
  }
}

function contentTypeOf({ format, compression }: ObjectContent): string {
  return format === 'otlp_proto' && compression === 'gzip' ? 'application/gzip' : CONTENT_TYPES[format];
}

function jsonObject(key: string, value: object): StoredObject {
  const body = Buffer.from(`${JSON.stringify(value)}\n`);
  return { key, body, contentType: 'application/json', sha256: createHash('sha256').update(body).digest('hex') };
}
