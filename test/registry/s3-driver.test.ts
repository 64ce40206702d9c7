import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PromptDriver } from '../../src/registry/driver.js';
import { type S3Config, s3Settings } from '../../src/registry/s3/config.js';
import { createS3Driver } from '../../src/registry/s3/driver.js';
import { type S3Request, type S3Server, startS3 } from '../helpers/s3.js';
import { type DriverPlace, driverContract, versionOf } from './driver-contract.js';

interface S3Place extends DriverPlace {
  server: S3Server;
  make(config?: Partial<S3Config>): PromptDriver;
}

const isPut = ({ method }: S3Request) => method === 'PUT';
const isGet = ({ method, key }: S3Request) => method === 'GET' && key !== '';

async function makePlace(): Promise<S3Place> {
  const server = await startS3();
  const drivers: PromptDriver[] = [];
  const { endpoint: s3Endpoint, bucket: s3Bucket, accessKey: s3AccessKey, secretKey: s3SecretKey } = server;
  const make = (config: Partial<S3Config> = {}) => {
    const settings = { ...s3Settings.parse({}), s3Endpoint, s3Bucket, s3AccessKey, s3SecretKey, ...config };
    const driver = createS3Driver({ config: settings, timeoutMs: 500 });
    drivers.push(driver);
    return driver;
  };
  return {
    server,
    make,
    async open() {
      const driver = make();
      await driver.start();
      return driver;
    },
    async remove() {
      for (const driver of drivers) await driver.shutdown({ deadlineMs: 1_000 });
      await server.stop();
    },
  };
}

describe('the s3 driver', () => {
  driverContract(makePlace);

  let place: S3Place;
  let server: S3Server;
  let driver: PromptDriver;
  beforeEach(async () => {
    place = await makePlace();
    server = place.server;
    driver = await place.open();
  });
  afterEach(() => place.remove());

  const text = (key: string) => server.objects.get(key)?.body.toString();
  const count = (matching: (request: S3Request) => boolean) => server.requests.filter(matching).length;

  it('keeps a version where clients of older versions look for it, and other workspaces apart', async () => {
    await driver.write(versionOf());
    await driver.write(versionOf({ workspace: 'acme' }));
    await driver.write(versionOf({ name: 'workspaces/acme/prompts/welcome' }));
    expect([...server.objects.keys()].sort()).toEqual([
      'prompts/.workspaces/acme/prompts/welcome/1.0.0.json',
      'prompts/welcome/1.0.0.json',
      'prompts/workspaces/acme/prompts/welcome/1.0.0.json',
    ]);
    const { versions } = await driver.arrivals(undefined);
    expect(versions.map(({ workspace, name }) => [workspace, name])).toEqual([
      ['default', 'welcome'],
      ['acme', 'welcome'],
      ['default', 'workspaces/acme/prompts/welcome'],
    ]);
  });

  it('sees nothing outside its prefix', async () => {
    server.put('prompts/welcome/1.0.0.json', '{}');
    server.put('team/b/welcome/2.0.0.json', '{}');
    server.put('team/a/welcome/3.0.0.json', '{}');
    const other = place.make({ s3Prefix: 'team/a/' });
    await other.start();
    expect((await other.arrivals(undefined)).versions).toMatchObject([{ name: 'welcome', version: '3.0.0' }]);
    expect(await other.find(versionOf())).toBeUndefined();
    await other.write(versionOf());
    expect(server.objects.has('team/a/welcome/1.0.0.json')).toBe(true);
  });

  it('lists beyond a thousand keys, and misses none', async () => {
    for (let at = 0; at < 2_500; at++) server.put(`prompts/p${at % 7}/1.0.${at}.json`, '{}');
    const { versions, revision } = await driver.arrivals(undefined);
    expect(new Set(versions.map(({ version }) => version)).size).toBe(2_500);
    server.put('prompts/p3/9.9.9.json', '{}');
    expect((await driver.arrivals(revision)).versions).toMatchObject([{ name: 'p3', version: '9.9.9' }]);
  });

  describe('an object that somebody put there', () => {
    it('arrives, with what it says of itself; others do not', async () => {
      server.put('prompts/welcome/1.0.0.json', '{}');
      server.put('prompts/welcome/1.1.0.json', '{}', { author: 'Grace%20H', message: '100 %', 'created-ms': 'x' });
      for (const odd of ['prompts/', 'prompts/README.md', 'prompts/1.0.0.json', 'prompts/../x/1.0.0.json']) {
        server.put(odd, '{}');
      }
      server.put('prompts/.workspaces/default/prompts/x/1.0.0.json', '{}');
      server.put('prompts/welcome/latest.json', '{}');
      const { versions } = await driver.arrivals(undefined);
      expect(versions.map(({ version }) => version)).toEqual(['1.0.0', '1.1.0']);
      const [first, second] = await Promise.all(versions.map((version) => driver.adopt(version)));
      expect(first).not.toHaveProperty('author');
      expect(second).toMatchObject({ author: 'Grace H', message: '100 %' });
      expect(second!.timeUnixMs).toBeGreaterThan(1_700_000_000_000);
    });

    it('and took away again is not adopted', async () => {
      server.put('prompts/welcome/1.0.0.json', '{}');
      const [arrival] = (await driver.arrivals(undefined)).versions;
      server.objects.clear();
      expect(await driver.adopt(arrival!)).toBeUndefined();
      expect(await driver.arrivals(undefined)).toEqual({ versions: [], revision: undefined });
    });

    it('and corrected arrives again', async () => {
      server.put('prompts/welcome/1.0.0.json', 'no json');
      server.put('prompts/welcome/1.1.0.json', '{}');
      const { revision } = await driver.arrivals(undefined);
      server.put('prompts/welcome/1.0.0.json', '{}');
      expect((await driver.arrivals(revision)).versions).toMatchObject([{ version: '1.0.0' }]);
    });

    it('and is no prompt by its size is not read into memory, nor written over', async () => {
      server.put('prompts/welcome/1.0.0.json', 'x'.repeat(16 * 2 ** 20 + 1));
      expect(await driver.read({ ...versionOf(), commitSha: undefined })).toBeUndefined();
      await expect(driver.write(versionOf())).rejects.toMatchObject({ code: 'CONFLICT' });
    });
  });

  it('a long message and an odd author are cut to what metadata may hold, between two characters', async () => {
    await driver.write(versionOf({ author: '🦊'.repeat(128), message: `é\ud800${'x'.repeat(4_000)}` }));
    const adopted = await driver.adopt({ ...versionOf(), commitSha: undefined });
    expect(adopted!.author).toMatch(/^(🦊){20,}$/u);
    expect(adopted!.message).toMatch(/^é\uFFFDx{1000,}$/);
  });

  describe('when an answer is lost', () => {
    it('behind the write, the version is there once, and is no conflict', async () => {
      server.inject({ drop: 'behind' }, isPut);
      await driver.write(versionOf());
      expect(count(isPut)).toBe(2);
      expect(text('prompts/welcome/1.0.0.json')).toBe(versionOf().content);
    });

    it('and another has written the version meanwhile, that one stays', async () => {
      server.inject({ drop: 'before' }, (request) => {
        if (!isPut(request)) return false;
        server.put('prompts/welcome/1.0.0.json', '{"by":"another"}');
        return true;
      });
      await expect(driver.write(versionOf())).rejects.toMatchObject({ code: 'CONFLICT' });
      expect(text('prompts/welcome/1.0.0.json')).toBe('{"by":"another"}');
    });

    it('in the middle of a body, it is asked for again', async () => {
      const stored = await driver.write(versionOf());
      server.inject({ drop: 'midway' }, isGet);
      expect(await driver.read(stored)).toBe(versionOf().content);
      expect(count(isGet)).toBe(2);
    });

    it('each time, it is not known whether it was written, and finding it tells', async () => {
      server.inject({ drop: 'behind' }, isPut, 9);
      server.inject({ drop: 'before' }, isGet, 3);
      await expect(driver.write(versionOf())).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
      expect(await driver.find(versionOf())).toMatchObject({ version: '1.0.0' });
    });
  });

  it('a write that meets another one of the same key is tried again', async () => {
    server.inject({ answer: 409, code: 'ConditionalRequestConflict' }, isPut, 2);
    await driver.write(versionOf());
    expect(text('prompts/welcome/1.0.0.json')).toBe(versionOf().content);
  });

  it.each([
    { answer: 503, code: 'SlowDown' },
    { answer: 429, code: 'TooManyRequests' },
    { answer: 500, code: 'InternalError' },
    { slowMs: 1_500 },
  ])('%o once is got over', async (fault) => {
    server.inject(fault, isPut);
    await driver.write(versionOf());
    server.inject(fault, isGet);
    expect(await driver.read({ ...versionOf(), commitSha: undefined })).toBe(versionOf().content);
    server.inject(fault, ({ key }) => key === '');
    expect((await driver.arrivals(undefined)).versions).toHaveLength(1);
  });

  it.each([{ answer: 503, code: 'ServiceUnavailable' }, { drop: 'before' as const }, { slowMs: 3_000 }])(
    '%o without end may be tried later, whatever was asked',
    async (fault) => {
      server.inject(fault, () => true, 1_000);
      const later = { code: 'STORE_UNAVAILABLE', retryable: true };
      const stored = { ...versionOf(), commitSha: undefined };
      const asked = [driver.write(versionOf()), driver.read(stored), driver.adopt(stored), driver.arrivals(undefined)];
      for (const outcome of await Promise.allSettled(asked)) expect(outcome).toMatchObject({ reason: later });
    },
  );

  it('a clock that is off may be set right: it is no reason to give up', async () => {
    server.inject({ answer: 403, code: 'RequestTimeTooSkewed' }, isPut, 9);
    await expect(driver.write(versionOf())).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });

  it('a version is not called absent because the bucket is', async () => {
    server.inject({ answer: 404, code: 'NoSuchBucket' }, isGet);
    await expect(driver.find(versionOf())).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('S3_BUCKET'),
    });
  });

  it('a store that refuses is named with its reason, and not asked again and again', async () => {
    server.inject({ answer: 403, code: 'AccessDenied' }, isPut, 9);
    await expect(driver.write(versionOf())).rejects.toMatchObject({
      retryable: false,
      message: expect.stringContaining('AccessDenied'),
    });
    expect(count(isPut)).toBe(1);
  });

  describe('the start', () => {
    it.each<[Partial<S3Config>, string]>([
      [{ s3Bucket: 'elsewhere' }, 'S3_BUCKET'],
      [{ s3AccessKey: 'WRONG' }, 'InvalidAccessKeyId'],
      [{ s3SecretKey: 'wrong' }, 'SignatureDoesNotMatch'],
      [{ s3Region: 'eu-central-1' }, 'S3_REGION'],
    ])('with %o fails, and says why', async (config, told) => {
      await expect(place.make(config).start()).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining(told),
      });
    });

    it('needs a bucket, and both keys or none', () => {
      expect(() => place.make({ s3Bucket: undefined })).toThrow('S3_BUCKET');
      expect(() => place.make({ s3SecretKey: undefined })).toThrow('S3_ACCESS_KEY and S3_SECRET_KEY');
      expect(() => place.make({ s3AccessKey: undefined })).toThrow('S3_ACCESS_KEY and S3_SECRET_KEY');
    });

    it('does not wait for a store that is down, which is used once it is back', async () => {
      await server.stop();
      const early = await place.open();
      await expect(early.find(versionOf())).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
      await server.start();
      expect(await early.write(versionOf())).toMatchObject({ version: '1.0.0' });
    });
  });

  it('what is running when its time is up is broken off', async () => {
    server.inject({ slowMs: 400 }, isPut);
    const writing = driver.write(versionOf());
    await driver.shutdown({ deadlineMs: 5 });
    await expect(writing).rejects.toMatchObject({ retryable: true });
    await expect(driver.find(versionOf())).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });
});
