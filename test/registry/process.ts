/** A gateway's registry in a process of its own, for the tests that kill one in the middle of a write. */
import type { RegistryConfig } from '../../src/registry/config.js';
import type { PromptDriver } from '../../src/registry/driver.js';
import { type ControlStoreOptions, createControlStore } from '../../src/store/control/store.js';
import { createPool } from '../../workers/pool.js';
import { OPERATOR } from '../helpers/access.js';
import { startRegistry } from '../helpers/registry.js';

const [config, directory, step, given] = process.argv.slice(2);
const settings = JSON.parse(given!) as Partial<RegistryConfig>;

/** Ends the process there, as a power cut would: nothing is flushed, closed or told. */
function die(): never {
  process.kill(process.pid, 'SIGKILL');
  for (;;);
}

/** Between the row and the content, or behind the content. */
function dyingDriver(driver: PromptDriver): PromptDriver {
  return new Proxy(driver, {
    get(target, name: keyof PromptDriver) {
      if (name !== 'write') {
        const value = target[name];
        return typeof value === 'function' ? value.bind(target) : value;
      }
      return async (...given: Parameters<PromptDriver['write']>) => {
        if (step === 'before the content') die();
        await target.write(...given);
        if (step === 'behind the content') die();
        throw new Error('Which step?');
      };
    },
  });
}

const thread = createPool({ entry: 'control-database', threads: 1, maxQueue: 1000 });
await thread.start();
const control = createControlStore({ config: JSON.parse(config!) as ControlStoreOptions['config'], thread });
await control.start();

if (step === 'at any time') {
  const { registry } = await startRegistry(control, { directory: directory!, settings });
  process.stdout.write('ready\n');
  for (let patch = 0; ; patch++) {
    const version = `1.0.${patch}`;
    await registry.create({ name: 'p', version, messages: [{ role: 'user', content: version }] }, OPERATOR, {});
    process.stdout.write(`${version}\n`);
  }
}
const { registry } = await startRegistry(control, { directory: directory!, settings, wrap: dyingDriver });
await registry.create({ name: 'p', version: '1.0.0', messages: [{ role: 'user', content: 'x' }] }, OPERATOR, {});
