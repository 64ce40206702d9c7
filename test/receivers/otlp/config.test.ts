import { describe, expect, test } from 'vitest';
import { receiverSettings } from '../../../receivers/otlp/config.js';

describe('the receivers’ settings', () => {
  test('are safe and generous when nothing is set', () => {
    const config = receiverSettings.parse({});
    expect(config).toMatchObject({
      host: '127.0.0.1',
      httpPort: 4318,
      grpcPort: 4317,
      // OTLP 1.11 recommends 64 MiB.
      maxBodyBytes: 64 * 2 ** 20,
      maxInFlightBytes: 256 * 2 ** 20,
      corsOrigins: [],
    });
    // SDKs export metrics every 60 s.
    expect(config.keepAliveTimeoutMs).toBeGreaterThanOrEqual(65_000);
    expect(config.tlsCertFile).toBeUndefined();
  });

  test.each([
    [{ httpPort: '65536' }, 'httpPort'],
    [{ grpcPort: 'grpc' }, 'grpcPort'],
    [{ maxBodyBytes: '64 megs' }, 'maxBodyBytes'],
    [{ requestTimeoutMs: '0' }, 'requestTimeoutMs'],
    [{ headersTimeoutMs: '-1' }, 'headersTimeoutMs'],
    [{ keepAliveTimeoutMs: '0' }, 'keepAliveTimeoutMs'],
    [{ grpcMaxConcurrentStreams: '0' }, 'grpcMaxConcurrentStreams'],
  ])('%j is refused, and its field named', (input, field) => {
    const { error } = receiverSettings.safeParse(input);
    expect(error!.issues.map(({ path }) => path[0])).toEqual([field]);
  });

  test('lists are split at commas', () => {
    const { corsOrigins } = receiverSettings.parse({ corsOrigins: 'https://a.example, https://*.b.example,' });
    expect(corsOrigins).toEqual(['https://a.example', 'https://*.b.example']);
  });
});
