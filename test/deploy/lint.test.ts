import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { ROOT } from './files.js';

const run = promisify(execFile);

it.skipIf(process.platform === 'win32')(
  'what is deployed is what helm, Kubernetes, Compose and systemd take, where they are on the PATH',
  async ({ annotate }) => {
    const { stdout } = await run('sh', [path.join(ROOT, 'deploy', 'lint.sh')]);
    const lines = stdout.trim().split('\n');
    await annotate(stdout);
    expect(lines.filter((line) => !/^(checked|skipped): /.test(line))).toEqual([]);
    expect(lines).toHaveLength(4);
  },
);
