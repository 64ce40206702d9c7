import { isIP } from 'node:net';
import { z } from 'zod';
import { list, port, type SettingMeta, text } from '../setting.js';

/** Names of ranges, as proxy-addr has them. */
const RANGES = ['loopback', 'linklocal', 'uniquelocal'];

function isAddressOrRange(text: string): boolean {
  const [, address, bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address ?? '');
  if (version === 0) return RANGES.includes(text);
  return bits === undefined || Number(bits) <= (version === 4 ? 32 : 128);
}

export const apiSettings = z.object({
  port: port()
    .prefault('3000')
    .meta({ env: 'PORT', description: 'TCP port of the REST API (0 picks a free one)' } satisfies SettingMeta),
  host: text()
    .prefault('127.0.0.1')
    .meta({ env: 'HOST', description: 'Address that every port binds; 0.0.0.0 for all' } satisfies SettingMeta),
  trustedProxies: list()
    .refine((items) => items.every(isAddressOrRange), 'expected addresses or ranges such as 10.0.0.0/8, or loopback')
    .prefault('')
    .meta({
      env: 'TRUSTED_PROXIES',
      description: 'Proxies whose X-Forwarded-For names the client: addresses, ranges (10.0.0.0/8), or loopback',
    } satisfies SettingMeta),
  corsOrigins: list()
    .prefault('')
    .meta({
      env: 'API_CORS_ORIGINS',
      description: 'Origins whose pages may call the API, comma-separated; * for any, empty for none',
    } satisfies SettingMeta),
});

export type ApiConfig = z.infer<typeof apiSettings>;
