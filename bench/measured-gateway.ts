/** A gateway that lives as long as one measurement, its data in a temporary folder. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type GatewayProcess, startGatewayProcess } from './gateway-process.js';

export async function withGateway<Result>(
  env: Record<string, string>,
  use: (gateway: GatewayProcess) => Promise<Result>,
): Promise<Result> {
  const dataDirectory = mkdtempSync(path.join(tmpdir(), 'promptmetrics-bench-'));
  const gateway = await startGatewayProcess({
    dataDirectory,
    env: { BUFFER_MAX_BYTES: '8GiB', ...env },
  });
  try {
    return await use(gateway);
  } finally {
    await gateway.kill();
    rmSync(dataDirectory, { recursive: true, force: true });
  }
}
