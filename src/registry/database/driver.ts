/** Prompts in the control database: for gateways that share a Postgres, and for those that want one file and no Git. */
import { GatewayError } from '../../errors.js';
import type { PromptContent } from '../../store/control/prompt-contents.js';
import type { PromptKey } from '../../store/control/prompt-version.js';
import type { ControlStore } from '../../store/control/store.js';
import type { Adopted, Arrival, Arrivals, PromptDriver, StoredVersion, VersionContent } from '../driver.js';
import { pathOf } from '../paths.js';

export interface DatabaseDriverOptions {
  /** Started before the driver, and shut down behind it. */
  control: ControlStore;
}

/** A revision is the sequence of the version that came last. */
const SEQUENCE = /^[1-9]\d{0,14}$/;

class DatabaseDriver implements PromptDriver {
  readonly name = 'registry/database';
  readonly kind = 'database';

  constructor(private readonly options: DatabaseDriverOptions) {}

  async start(): Promise<void> {}
  async shutdown(): Promise<void> {}

  async write(version: VersionContent): Promise<StoredVersion> {
    const place = pathOf(version);
    const added = await this.options.control.transaction(({ promptContents }) => promptContents.add(version));
    if (!added && (await this.read(version)) !== version.content) {
      throw new GatewayError('CONFLICT', `${place} is there with another content`);
    }
    return stored(version);
  }

  async find(key: PromptKey): Promise<StoredVersion | undefined> {
    return (await this.options.control.promptContents.exists(key)) ? stored(key) : undefined;
  }

  read(key: PromptKey): Promise<string | undefined> {
    return this.options.control.promptContents.text(key);
  }

  async arrivals(since: string | undefined): Promise<Arrivals> {
    const { promptContents } = this.options.control;
    const last = await promptContents.lastSequence();
    if (last === 0) return { versions: [], revision: undefined };
    const versions = await promptContents.list(after(since, last), last);
    return { versions: versions.map(arrivalOf), revision: String(last) };
  }

  adopt(version: StoredVersion): Promise<Adopted | undefined> {
    return this.find(version);
  }

  pathOf(): undefined {}
  async maintain(): Promise<void> {}
}

/** What is ahead of the last sequence is a revision of another store. */
function after(since: string | undefined, last: number): number {
  const sequence = since !== undefined && SEQUENCE.test(since) ? Number(since) : 0;
  return sequence > last ? 0 : sequence;
}

function stored({ workspace, name, version }: PromptKey): StoredVersion {
  return { workspace, name, version, commitSha: undefined };
}

function arrivalOf({ author, message, timeUnixMs, ...key }: PromptContent): Arrival {
  return { ...stored(key), author, message, timeUnixMs };
}

export function createDatabaseDriver(options: DatabaseDriverOptions): PromptDriver {
  return new DatabaseDriver(options);
}
