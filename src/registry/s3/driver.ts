/** Prompts in a bucket: a version is one object, written by one request on the condition that there is none yet. */
import { createHash } from 'node:crypto';
import { GatewayError } from '../../errors.js';
import type { PromptKey } from '../../store/control/prompt-version.js';
import { within } from '../../store/deadline.js';
import type { Adopted, Arrival, Arrivals, PromptDriver, StoredVersion, VersionContent } from '../driver.js';
import type { Bucket, BucketOptions, ListedObject } from './bucket.js';
import type { S3Config } from './config.js';
import { objectKeyOf, versionKeyOf } from './keys.js';
import { metadataOf, originOf } from './metadata.js';

export interface S3DriverOptions extends Pick<BucketOptions, 'timeoutMs'> {
  config: S3Config;
}

/** What was listed last: the store can't tell what came since. */
interface Listing {
  revision: string;
  objects: ReadonlySet<string>;
}

const NOTHING: ReadonlySet<string> = new Set();
/** Of an object that says nothing of it. */
const UNKNOWN_AUTHOR = 'unknown';

class S3Driver implements PromptDriver {
  readonly name = 'registry/s3';
  readonly kind = 's3';
  readonly adoptsAtOnce = 16;
  private opened: Bucket | undefined;
  private last: Listing | undefined;
  private readonly writing = new Set<Promise<unknown>>();

  constructor(
    private readonly config: BucketOptions['config'],
    private readonly timeoutMs: number | undefined,
  ) {}

  /** Rejects when a setting is at fault; not while S3 is down, for what the index and the memory know is served. */
  async start(): Promise<void> {
    // Not before it is needed: other drivers save the SDK's memory.
    const { Bucket } = await import('./bucket.js');
    const { config, timeoutMs } = this;
    const bucket = new Bucket({ config, ...(timeoutMs !== undefined && { timeoutMs }) });
    try {
      await bucket.check(config.s3Prefix);
    } catch (error) {
      if (!(error instanceof GatewayError && error.retryable)) {
        bucket.close();
        throw error;
      }
    }
    this.opened = bucket;
  }

  async shutdown({ deadlineMs }: { deadlineMs: number }): Promise<void> {
    const bucket = this.opened;
    this.opened = undefined;
    if (!bucket) return;
    await within(deadlineMs, Promise.allSettled(this.writing));
    bucket.close();
  }

  async write(version: VersionContent): Promise<StoredVersion> {
    const writing = this.put(version);
    this.writing.add(writing);
    try {
      return await writing;
    } finally {
      this.writing.delete(writing);
    }
  }

  async find(key: PromptKey): Promise<StoredVersion | undefined> {
    return (await this.read(key)) === undefined ? undefined : stored(key);
  }

  async read(key: PromptKey): Promise<string | undefined> {
    return this.bucket.get(objectKeyOf(this.config.s3Prefix, key));
  }

  async arrivals(since: string | undefined): Promise<Arrivals> {
    const before = since !== undefined && this.last?.revision === since ? this.last.objects : NOTHING;
    const { fresh, ...listing } = await this.list(before);
    if (listing.objects.size === 0) return { versions: [], revision: undefined };
    this.last = listing;
    const versions = listing.revision === since ? [] : fresh;
    return { versions: versions.sort((a, b) => a.timeUnixMs - b.timeUnixMs), revision: listing.revision };
  }

  async adopt(version: StoredVersion): Promise<Adopted | undefined> {
    const head = await this.bucket.head(objectKeyOf(this.config.s3Prefix, version));
    return head && { ...stored(version), timeUnixMs: head.lastModifiedUnixMs, ...originOf(head.metadata) };
  }

  pathOf(): undefined {}
  async maintain(): Promise<void> {}

  private get bucket(): Bucket {
    if (!this.opened) throw new GatewayError('SHUTTING_DOWN', 'The prompt store is not open');
    return this.opened;
  }

  private async put(version: VersionContent): Promise<StoredVersion> {
    const key = objectKeyOf(this.config.s3Prefix, version);
    const { bucket } = this;
    if (await bucket.put(key, version.content, metadataOf(version))) return stored(version);
    const there = await bucket.get(key);
    // Also our own, when the answer to it was lost and it was sent again.
    if (there === version.content) return stored(version);
    if (there === undefined && !(await bucket.head(key))) {
      throw new GatewayError('STORE_UNAVAILABLE', `S3: ${key} was there, and is gone`);
    }
    throw new GatewayError('CONFLICT', `${key} is there with another content`);
  }

  /** A page in a turn of the event loop: there may be a hundred thousand. */
  private async list(before: ReadonlySet<string>): Promise<Listing & { fresh: Arrival[] }> {
    const fresh: Arrival[] = [];
    const objects = new Set<string>();
    const hash = createHash('sha256');
    for await (const page of this.bucket.list(this.config.s3Prefix)) {
      for (const object of page) {
        const key = versionKeyOf(this.config.s3Prefix, object.key);
        if (!key) continue;
        const identity = `${object.key} ${object.etag}`;
        objects.add(identity);
        hash.update(`${identity}\n`);
        if (!before.has(identity)) fresh.push(arrivalOf(key, object));
      }
    }
    return { fresh, objects, revision: hash.digest('hex') };
  }
}

function stored({ workspace, name, version }: PromptKey): StoredVersion {
  return { workspace, name, version, commitSha: undefined };
}

/** Who wrote it is asked for when it is adopted: that is a request for each object. */
function arrivalOf(key: PromptKey, { lastModifiedUnixMs }: ListedObject): Arrival {
  const message = `Add ${key.name} ${key.version}`;
  return { ...stored(key), author: UNKNOWN_AUTHOR, message, timeUnixMs: lastModifiedUnixMs };
}

/** Throws CONFIG_INVALID when a setting is missing that the driver needs. */
export function createS3Driver({ config, timeoutMs }: S3DriverOptions): PromptDriver {
  const { s3Bucket, s3AccessKey, s3SecretKey } = config;
  if (s3Bucket === undefined) throw new GatewayError('CONFIG_INVALID', 'S3_BUCKET: DRIVER=s3 needs a bucket');
  if ((s3AccessKey === undefined) !== (s3SecretKey === undefined)) {
    throw new GatewayError('CONFIG_INVALID', 'S3_ACCESS_KEY and S3_SECRET_KEY: one is of no use without the other');
  }
  return new S3Driver({ ...config, s3Bucket }, timeoutMs);
}
