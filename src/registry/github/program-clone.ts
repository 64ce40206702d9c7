/** The clone, kept by the git program. */
import { GatewayError } from '../../errors.js';
import type { Outcome } from '../git/program.js';
import { ProgramRepository } from '../git/program-repository.js';
import { type Clone, type CloneOptions, TAG_FOLDERS } from './clone.js';
import { removeOldLocks } from './locks.js';
import { credentialsOf } from './place.js';

const EVERY_TAG = TAG_FOLDERS.map((folder) => `${folder}*:${folder}*`);
/** One that is at another commit at GitHub stays there as it is (git-push). */
const KEPT_TAG = /\(already exists\)/;

function failed(what: string, { code, stderr }: Outcome): GatewayError {
  return new GatewayError('STORE_UNAVAILABLE', `git ${what} ended with ${code}: ${stderr}`);
}

export class ProgramClone extends ProgramRepository implements Clone {
  private readonly variables: Readonly<Record<string, string>>;

  constructor(private readonly options: CloneOptions) {
    super({ directory: options.directory, branch: options.branch, bare: true });
    this.variables = variablesOf(options);
  }

  override async open(): Promise<void> {
    await super.open();
    // A version stays, also when the branch is moved away from it: nothing is ever thrown away.
    await this.attempt(['config', 'gc.pruneExpire', 'never']);
  }

  async remoteHead(): Promise<string | undefined> {
    const outcome = await this.connect(['ls-remote', '--', this.options.url, this.ref]);
    if (outcome.code !== 0) throw failed('ls-remote', outcome);
    const line = outcome.stdout
      .toString('utf8')
      .split('\n')
      .find((each) => each.endsWith(`\t${this.ref}`));
    return line?.split('\t', 1)[0];
  }

  async fetch(): Promise<void> {
    const before = await this.head();
    const refs = [`+${this.ref}:${this.ref}`, ...EVERY_TAG];
    const outcome = await this.connect(['fetch', '--quiet', '--no-tags', '--', this.options.url, ...refs]);
    // A tag that is not taken, because ours is another, makes it end with 1; the branch has moved all the same.
    if (outcome.code === 0 || (await this.head()) !== before) return;
    await removeOldLocks(this.options.directory);
    throw failed('fetch', outcome);
  }

  async pushTags(): Promise<true> {
    const outcome = await this.connect(['push', '--quiet', '--', this.options.url, ...EVERY_TAG]);
    if (outcome.code !== 0 && !KEPT_TAG.test(outcome.stderr)) throw failed('push', outcome);
    return true;
  }

  private get ref(): string {
    return `refs/heads/${this.options.branch}`;
  }

  private connect(command: readonly string[]): Promise<Outcome> {
    const { variables, options } = this;
    return this.attempt(command, '', { variables, signal: options.signal });
  }
}

/** The token is no argument, which everybody on the machine could read, and is sent to no other host. */
function variablesOf({ url, token }: CloneOptions): Record<string, string> {
  const { username, password } = credentialsOf(token);
  const basic = Buffer.from(`${username}:${password}`).toString('base64');
  const settings = Object.entries({
    [`http.${url}.extraHeader`]: `Authorization: Basic ${basic}`,
    'credential.helper': '',
    'http.lowSpeedLimit': '1',
    'http.lowSpeedTime': '15',
  });
  return {
    // What it says on stderr is read by us.
    LC_ALL: 'C',
    GIT_TERMINAL_PROMPT: '0',
    GIT_CONFIG_COUNT: String(settings.length),
    ...Object.fromEntries(
      settings.flatMap(([key, value], at) => [
        [`GIT_CONFIG_KEY_${at}`, key],
        [`GIT_CONFIG_VALUE_${at}`, value],
      ]),
    ),
  };
}
