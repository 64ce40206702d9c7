/**
 * A client that is made of certificates and keys, and made anew when their files have changed: they are renewed while
 * gateways run, by cert-manager or by a person, and nobody signals it.
 */
import { readFile } from 'node:fs/promises';
import type { TlsMaterial } from './destination.js';

/** PEM; undefined for what is not set. */
export interface TlsContents {
  ca: Buffer | undefined;
  key: Buffer | undefined;
  cert: Buffer | undefined;
}

export interface RenewalOptions<Client> {
  tls: TlsMaterial;
  /** Rejects when the contents can't be used, as those of a renewal that is half done. */
  make(contents: TlsContents): Promise<Client>;
  /** What is under way on it ends as it would. */
  retire(client: Client): void;
  /** How often the files are looked at, at most. */
  checkMs?: number | undefined;
}

/** A look is to read three small files. */
const CHECK_MS = 10_000;

interface Made<Client> {
  client: Client;
  contents: TlsContents;
}

export class RenewedClient<Client> {
  readonly #options: RenewalOptions<Client>;
  readonly #hasFiles: boolean;
  #made: Promise<Made<Client>> | undefined;
  #checkAtMs = 0;

  constructor(options: RenewalOptions<Client>) {
    this.#options = options;
    this.#hasFiles = Object.values(options.tls).some((file) => file !== undefined);
  }

  /** To be used at once, before anything else is awaited: then it is not retired. What could not be made is made the next time. */
  async get(): Promise<Client> {
    const isDue = this.#hasFiles && performance.now() >= this.#checkAtMs;
    if (this.#made === undefined || isDue) this.#make();
    const { client } = await this.#made!;
    return client;
  }

  /** The client that there is, for its end; another `get` makes a new one. */
  async take(): Promise<Client | undefined> {
    const made = this.#made;
    this.#made = undefined;
    return (await made?.catch(() => undefined))?.client;
  }

  #make(): void {
    const before = this.#made;
    const made = before === undefined ? this.#first() : this.#renewed(before);
    this.#checkAtMs = performance.now() + (this.#options.checkMs ?? CHECK_MS);
    this.#made = made;
    made.catch(() => {
      if (this.#made === made) this.#made = undefined;
    });
  }

  async #first(): Promise<Made<Client>> {
    const contents = await contentsOf(this.#options.tls);
    return { client: await this.#options.make(contents), contents };
  }

  /** The one before, as long as the files can't be read, or used. */
  async #renewed(before: Promise<Made<Client>>): Promise<Made<Client>> {
    const old = await before;
    try {
      const contents = await contentsOf(this.#options.tls);
      if (isSame(contents, old.contents)) return old;
      const made = { client: await this.#options.make(contents), contents };
      this.#options.retire(old.client);
      return made;
    } catch {
      return old;
    }
  }
}

async function contentsOf({ certificate, clientKey, clientCertificate }: TlsMaterial): Promise<TlsContents> {
  const read = (file: string | undefined) => (file === undefined ? undefined : readFile(file));
  const [ca, key, cert] = await Promise.all([certificate, clientKey, clientCertificate].map(read));
  return { ca, key, cert };
}

function isSame(one: TlsContents, other: TlsContents): boolean {
  const isEqual = (a: Buffer | undefined, b: Buffer | undefined) => a === b || (a && b && a.equals(b)) === true;
  return isEqual(one.ca, other.ca) && isEqual(one.key, other.key) && isEqual(one.cert, other.cert);
}
