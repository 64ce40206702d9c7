import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { entryFile, type GatewayProcess } from '../../bench/gateway-process.js';
import { fencedBlocks } from '../helpers/documents.js';
import { startGateway, temporaryDirectory } from '../helpers/gateway.js';

const run = promisify(execFile);
const hasCurl = await run('curl', ['--version']).then(
  () => true,
  () => false,
);

/** The blocks that call a port of the gateway and need nothing else, in their order. */
const calls = fencedBlocks('sh').filter((block) => /\blocalhost:\d/.test(block) && !block.includes('hello.mjs'));

/** At the ports of that gateway. With --fail, curl ends with an error where it is answered 4xx or 5xx. */
function scriptAt({ api, otlpHttp }: GatewayProcess): string {
  return (
    calls
      .join('\n')
      .replaceAll('localhost:3000', api)
      .replaceAll('localhost:4318', otlpHttp)
      // Where several suites run at once, rows come later than a reader would wait for them.
      .replaceAll(/^sleep 1\b/gm, 'sleep 4')
      .replaceAll(/\bcurl /g, 'curl --fail-with-body -sS -w "\\n" ')
  );
}

const KEY = /\bpm_[0-9a-f]{64}\b/;

describe.skipIf(!hasCurl)('the calls of the documents', () => {
  it('are not answered with an error, with the key that the first start prints', async () => {
    const env = { API_AUTH: 'required' };
    const gateway = await startGateway({ entry: entryFile(), dataDirectory: temporaryDirectory(), env });
    const keyed = { ...process.env, PROMPTMETRICS_API_KEY: KEY.exec(gateway.output.join('\n'))![0] };
    const { stdout } = await run('bash', ['-eo', 'pipefail', '-c', scriptAt(gateway)], { env: keyed });
    const answers = stdout.split('\n').filter((line) => line.startsWith('{'));
    expect(answers.length).toBeGreaterThan(15);
    for (const found of [
      '"name":"hello"',
      '"error_code":"429"',
      '"user":"u-17"',
      '"count":1',
      'I am Ada.',
      'I am Alice.',
      'Answer in French.',
      '"cost_usd":0.000039',
      '"explanation":"Priced by the entry gpt-4o-mini',
      '"model_pattern":"acme/*"',
    ]) {
      expect(stdout).toContain(found);
    }
  });
});
