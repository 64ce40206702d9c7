/** Buckets: by S3_EXPORTER_BUCKET one, the exporter `s3`; in configuration files any number, in the Collector's spelling. */
import { z } from 'zod';
import { SIGNALS, type Signal } from '../../src/component.js';
import type { ComponentType } from '../../src/config-file/components.js';
import { GatewayError } from '../../src/errors.js';
import { text } from '../../src/setting.js';
import {
  type DefinedExporters,
  exporterName,
  ledTo,
  type QueueSettings,
  queueFields,
  queueOf,
  unlessReplaced,
} from '../components.js';
import type { QueueConfig } from '../config.js';
import { compressionOf, type S3ExporterConfig, type S3Target, s3ExporterSettings } from './config.js';

const { shape } = s3ExporterSettings;

/** The Collector's awss3exporter, as far as both have the same; keys of access are ours. */
const uploader = z.object({
  region: shape.region,
  s3Bucket: text(),
  s3Prefix: shape.prefix,
  endpoint: shape.endpoint,
  s3ForcePathStyle: shape.forcePathStyle,
  compression: shape.compression,
  accessKey: shape.accessKey,
  secretKey: shape.secretKey,
});

const settings = z.object({
  s3uploader: uploader.prefault({} as z.input<typeof uploader>),
  marshaler: shape.format,
  timeoutMs: shape.timeoutMs,
  ...queueFields,
});

type Settings = z.output<typeof settings>;

export const s3ComponentTypes = {
  s3: { settings, aliases: ['awss3'] },
} as const satisfies Record<string, ComponentType>;

export interface S3Backend {
  name: string;
  config: S3Target;
  signals: readonly Signal[];
  queue: Partial<QueueConfig>;
  advice?: string;
}

export interface S3Sources {
  s3: S3ExporterConfig;
  service?: DefinedExporters;
}

/** What objects differ in from requests: fewer, and larger. */
function ownQueue({ lingerMs, maxRequestBytes, maxRequestItems, maxInFlight }: S3ExporterConfig) {
  return { lingerMs, maxRequestBytes, maxRequestItems, maxInFlight };
}

function configOf({ s3uploader, marshaler: format, timeoutMs }: Settings): S3Target {
  const { s3Bucket: bucket, s3Prefix: prefix, s3ForcePathStyle: forcePathStyle, ...rest } = s3uploader;
  return { ...s3ExporterSettings.parse({}), ...rest, bucket, prefix, forcePathStyle, format, timeoutMs };
}

function assertSound({ name, config }: S3Backend): void {
  const fault = faultOf(config);
  if (fault !== undefined) throw new GatewayError('CONFIG_INVALID', `The exporter ${name}: ${fault}`);
}

function faultOf(config: S3Target): string | undefined {
  if ((config.accessKey === undefined) !== (config.secretKey === undefined)) {
    return 'of an access key and a secret key, one is of no use without the other';
  }
  if (config.format === 'otlp_proto' && compressionOf(config) === 'snappy') {
    return 'objects in otlp_proto are compressed with gzip, or not at all; snappy is for parquet';
  }
  return undefined;
}

/** Throws CONFIG_INVALID. */
export function s3Backends({ s3, service }: S3Sources): S3Backend[] {
  const { bucket } = s3;
  const fromVariables: S3Backend[] =
    bucket === undefined ? [] : [{ name: 's3', config: { ...s3, bucket }, signals: SIGNALS, queue: ownQueue(s3) }];
  const fromFiles = ledTo(service, s3ComponentTypes).map(({ component, signals }): S3Backend => {
    const given = component.settings as Settings & QueueSettings;
    const config = configOf(given);
    return { name: exporterName(component.id), config, signals, queue: { ...ownQueue(config), ...queueOf(given) } };
  });
  const backends = unlessReplaced(fromVariables, fromFiles);
  for (const backend of backends) assertSound(backend);
  return backends;
}
