/** A gateway's control half in a process of its own, for the tests that kill one or that need two. */
import { accessSettings } from '../../src/access/config.js';
import { nopAccessEvents } from '../../src/access/events.js';
import { createKeyring, type Keyring } from '../../src/access/keyring.js';
import { createKey, createWorkspace, deleteWorkspace, revokeKey, rotateKey } from '../../src/access/keys.js';
import { type ControlStoreOptions, createControlStore } from '../../src/store/control/store.js';
import { createPool } from '../../workers/pool.js';
import { credentials, person, SALT } from './fixture.js';

const [task, config, key = ''] = process.argv.slice(2);

const MASTER = person({ master: true });
const print = (line: string) => process.stdout.write(`${line}\n`);

async function open(): Promise<Keyring> {
  const options = JSON.parse(config!) as ControlStoreOptions['config'];
  const thread = createPool({ entry: 'control-database', threads: 1, maxQueue: 1000 });
  await thread.start();
  const control = createControlStore({ config: options, thread });
  await control.start();
  const settings = accessSettings.parse({ apiKeySalt: SALT });
  const keyring = createKeyring({ config: settings, dataDirectory: options.dataDir, control, events: nopAccessEvents });
  await keyring.start();
  return keyring;
}

/** Out of step: the one that is in the middle of something when the process is killed is of any kind. */
const pause = () => new Promise((resolve) => setTimeout(resolve, Math.random() * 4));

/** Makes, rotates and revokes until it is killed, and tells each change that was answered. */
async function mutate({ store }: Keyring): Promise<void> {
  const changer = async (name: string) => {
    for (let round = 0; ; round++) {
      await pause();
      const workspace = `${name}-${process.pid}-${round}`;
      await createWorkspace(store, MASTER, workspace, {});
      print(`workspace:create ${workspace}`);
      await pause();
      const old = await createKey(store, MASTER, { name, workspace }, {});
      print(`api_key:create ${old.id}`);
      await pause();
      const fresh = await rotateKey(store, MASTER, old.id, { graceSeconds: 10 }, {});
      print(`api_key:rotate ${fresh.id}`);
      await pause();
      await revokeKey(store, MASTER, old.id, {});
      print(`api_key:revoke ${old.id}`);
      await pause();
      await deleteWorkspace(store, MASTER, workspace, {});
      print(`workspace:delete ${workspace}`);
    }
  };
  await Promise.all(['a', 'b', 'c', 'd'].map(changer));
}

/** Tells when the key is good, and when it no longer is. */
async function watch({ forApi }: Keyring): Promise<void> {
  const isGood = async () => {
    try {
      await forApi(credentials({ key }));
      return true;
    } catch {
      return false;
    }
  };
  print((await isGood()) ? 'good' : 'never good');
  while (await isGood()) await new Promise((resolve) => setTimeout(resolve, 5));
  print('refused');
}

await { mutate, watch }[task as 'mutate' | 'watch'](await open());
