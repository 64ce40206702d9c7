/** A bucket, and the exporter's transport to it, with its worker's part done in place. */
import { gunzipSync } from 'node:zlib';
import { onTestFinished } from 'vitest';
import { type S3Target, s3ExporterSettings } from '../../../exporters/s3/config.js';
import { createS3Transport, type S3TransportOptions } from '../../../exporters/s3/transport.js';
import type { Transport } from '../../../exporters/transport.js';
import { SIGNALS, type Signal } from '../../../src/component.js';
import { type S3Server, startS3 } from '../../helpers/s3.js';
import { inPlace } from '../encoder.js';

export async function startBucket(): Promise<S3Server> {
  const server = await startS3();
  onTestFinished(() => server.stop());
  return server;
}

export function targetIn(server: S3Server, settings: Record<string, string> = {}): S3Target {
  const { endpoint, bucket, accessKey, secretKey } = server;
  const given = { endpoint, accessKey, secretKey, bucket, prefix: 'archive', ...settings };
  return s3ExporterSettings.parse(given) as S3Target;
}

export function transportTo(
  server: S3Server,
  settings: Record<string, string> = {},
  rest: Partial<S3TransportOptions> = {},
): Transport {
  const config = targetIn(server, settings);
  const transport = createS3Transport({ config, pool: inPlace, gatewayId: () => 'gw', ...rest });
  onTestFinished(() => transport.close());
  return transport;
}

export function transportsTo(...options: Parameters<typeof transportTo>): Record<Signal, Transport> {
  const transport = transportTo(...options);
  return Object.fromEntries(SIGNALS.map((signal) => [signal, transport])) as Record<Signal, Transport>;
}

export interface Manifest {
  key: string;
  workspace: string;
  items: number;
  bytes: number;
  sha256: string;
  first_sequence: number | null;
  last_sequence: number | null;
}

/** As a reader finds them: by listing what is below `_manifest/`. */
export function manifestsIn({ objects }: S3Server): Manifest[] {
  const keys = [...objects.keys()].filter((key) => key.startsWith('archive/_manifest/'));
  return keys.sort().map((key) => JSON.parse(objects.get(key)!.body.toString()) as Manifest);
}

export function dataKeysIn({ objects }: S3Server): string[] {
  return [...objects.keys()].filter((key) => !key.includes('/_manifest/')).sort();
}

/** The OTLP request of an object that is named .pb.gz. */
export function requestIn({ objects }: S3Server, key: string): Buffer {
  return gunzipSync(objects.get(key)!.body);
}
