import { z } from 'zod';
import { httpUrl, type SettingMeta, text } from '../../setting.js';

/** Of the s3 driver; part of the registry's. */
export const s3Settings = z.object({
  s3Bucket: text()
    .optional()
    .meta({ env: 'S3_BUCKET', description: 'The bucket of the s3 driver; it must exist' } satisfies SettingMeta),
  s3Region: text()
    .prefault('us-east-1')
    .meta({ env: 'S3_REGION', description: 'Where that bucket is' } satisfies SettingMeta),
  s3Endpoint: httpUrl('http://host:9000 or https://…')
    .optional()
    .meta({
      env: 'S3_ENDPOINT',
      description: 'MinIO or another store that speaks S3, asked by path, not by host name; AWS when not set',
    } satisfies SettingMeta),
  s3AccessKey: text()
    .optional()
    .meta({
      env: 'S3_ACCESS_KEY',
      description:
        "Access key id; with neither this nor the secret key, the AWS SDK's own chain of credentials is used",
      secret: true,
    } satisfies SettingMeta),
  s3SecretKey: text()
    .optional()
    .meta({ env: 'S3_SECRET_KEY', description: 'Secret access key', secret: true } satisfies SettingMeta),
  s3Prefix: z
    .string()
    .max(256, 'expected at most 256 characters')
    .regex(/^[\w!.*'()/-]+$/, "expected letters, digits and any of ! - _ . * ' ( ) /")
    .prefault('prompts/')
    .meta({ env: 'S3_PREFIX', description: 'What the key of every version begins with' } satisfies SettingMeta),
});

export type S3Config = Readonly<z.infer<typeof s3Settings>>;
