/** OTLP/HTTP for what this process tells of itself. The SDK's own exporters would take the headers that are meant for others. */
import { request } from 'undici';
import { basicAuthorization } from '../../url-user.js';

export interface SenderOptions {
  /** What is put behind its path: `/v1/traces`. */
  endpoint: URL;
  headers: Readonly<Record<string, string>>;
}

const TIMEOUT_MS = 10_000;

export type Send = (path: '/v1/traces' | '/v1/metrics', body: Uint8Array) => Promise<void>;

/** Rejects when the other end didn't take it; nothing is sent twice. */
export function createSender({ endpoint, headers }: SenderOptions): Send {
  const base = `${endpoint.origin}${endpoint.pathname.replace(/\/+$/, '')}`;
  const authorization = basicAuthorization(endpoint);
  const own = { ...(authorization !== undefined && { authorization }), ...headers };
  return async (path, body) => {
    const response = await request(`${base}${path}${endpoint.search}`, {
      method: 'POST',
      headers: { ...own, 'content-type': 'application/x-protobuf' },
      body: Buffer.from(body.buffer, body.byteOffset, body.byteLength),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    await response.body.dump();
    if (response.statusCode >= 300) throw new Error(`${base}${path} answered ${response.statusCode}`);
  };
}
