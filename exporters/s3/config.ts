import { z } from 'zod';
import {
  bytes,
  flag,
  httpUrl,
  integer,
  milliseconds,
  namesNoUser,
  oneOf,
  type SettingMeta,
  text,
} from '../../src/setting.js';

export const s3ExporterSettings = z.object({
  bucket: text()
    .optional()
    .meta({
      env: 'S3_EXPORTER_BUCKET',
      description:
        'Archives everything in this bucket, which must exist: an object for each batch, in folders by the hour',
    } satisfies SettingMeta),
  prefix: z
    .string()
    .max(256, 'expected at most 256 characters')
    .regex(/^[\w!.*'()/=-]+$/, "expected letters, digits and any of ! - _ . * ' ( ) / =")
    .optional()
    .meta({ env: 'S3_EXPORTER_PREFIX', description: 'The folder in which everything is put' } satisfies SettingMeta),
  region: text()
    .prefault('us-east-1')
    .meta({ env: 'S3_EXPORTER_REGION', description: 'Where that bucket is' } satisfies SettingMeta),
  endpoint: httpUrl('http://host:9000 or https://…')
    .refine(namesNoUser, 'expected no user in it: the access key and the secret key say who asks')
    .optional()
    .meta({
      env: 'S3_EXPORTER_ENDPOINT',
      description: 'MinIO or another store that speaks S3; AWS when not set',
    } satisfies SettingMeta),
  forcePathStyle: flag()
    .optional()
    .meta({
      env: 'S3_EXPORTER_FORCE_PATH_STYLE',
      description: 'Whether the bucket is named by the path, not by the host name; true with an endpoint, else false',
    } satisfies SettingMeta),
  accessKey: text()
    .optional()
    .meta({
      env: 'S3_EXPORTER_ACCESS_KEY',
      description:
        "Access key id; with neither this nor the secret key, the AWS SDK's own chain of credentials is used",
      secret: true,
    } satisfies SettingMeta),
  secretKey: text()
    .optional()
    .meta({ env: 'S3_EXPORTER_SECRET_KEY', description: 'Secret access key', secret: true } satisfies SettingMeta),
  format: oneOf(['otlp_proto', 'parquet'])
    .prefault('otlp_proto')
    .meta({
      env: 'S3_EXPORTER_FORMAT',
      description: 'otlp_proto = requests as they came, joined; parquet = a table of spans, log records or data points',
    } satisfies SettingMeta),
  compression: oneOf(['gzip', 'snappy', 'none'])
    .optional()
    .meta({
      env: 'S3_EXPORTER_COMPRESSION',
      description:
        'Of objects in otlp_proto gzip (the default) or none; of those in parquet snappy (the default), gzip or none',
    } satisfies SettingMeta),
  timeoutMs: milliseconds(1, 600_000)
    .prefault('60000')
    .meta({
      env: 'S3_EXPORTER_TIMEOUT_MS',
      description: 'How long it may take to put one object',
    } satisfies SettingMeta),
  lingerMs: milliseconds(0, 60_000)
    .prefault('60000')
    .meta({
      env: 'S3_EXPORTER_LINGER_MS',
      description: 'How long an object that is not full waits for more, in the durable buffer',
    } satisfies SettingMeta),
  maxRequestBytes: bytes()
    .prefault('16MiB')
    .meta({
      env: 'S3_EXPORTER_MAX_REQUEST_BYTES',
      description: 'Received requests are joined up to this many bytes of OTLP for one object',
    } satisfies SettingMeta),
  maxRequestItems: integer(1, 10_000_000)
    .prefault('50000')
    .meta({
      env: 'S3_EXPORTER_MAX_REQUEST_ITEMS',
      description: 'The same by spans, log records or data points',
    } satisfies SettingMeta),
  maxInFlight: integer(1, 1000)
    .prefault('2')
    .meta({ env: 'S3_EXPORTER_MAX_IN_FLIGHT', description: 'Objects that are put at once' } satisfies SettingMeta),
});

export type S3ExporterConfig = Readonly<z.output<typeof s3ExporterSettings>>;

/** With everything that has been decided. */
export interface S3Target extends S3ExporterConfig {
  bucket: string;
}

export type Format = S3ExporterConfig['format'];
export type Compression = NonNullable<S3ExporterConfig['compression']>;

export function compressionOf({ format, compression }: Pick<S3ExporterConfig, 'format' | 'compression'>): Compression {
  return compression ?? (format === 'parquet' ? 'snappy' : 'gzip');
}
