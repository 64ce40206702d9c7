import { afterEach, beforeEach, expect, it } from 'vitest';
import { promptComparisonSchema } from '../../src/api/prompts/comparison-schema.js';
import { IN_DATABASE, type RegistryFixture, startRegistry } from '../helpers/registry.js';
import { type AccessApp, onEachDatabase } from './databases.js';

onEachDatabase((open) => {
  let fixture: RegistryFixture;
  let acme: ReturnType<AccessApp['as']>;
  beforeEach(async () => {
    const context = await open(async ({ control }) => {
      fixture = await startRegistry(control, IN_DATABASE);
      return { registry: fixture.registry };
    });
    acme = context.as((await context.access.mint('acme', 'read,write')).key, 'acme');
    for (const [version, content] of Object.entries({ '1.0.0': 'one', '1.10.0': 'ten', '1.9.0': 'nine' })) {
      const made = await acme('POST', '/v1/prompts', { name: 'p', version, messages: [{ role: 'user', content }] });
      expect(made.statusCode).toBe(201);
    }
  });
  afterEach(() => fixture.close());

  const diff = async (query = '') => {
    const response = await acme('GET', `/v1/prompts/p/diff${query}`);
    return { status: response.statusCode, body: response.json() };
  };

  it('compares two versions by their tags or their labels', async () => {
    await acme('POST', '/v1/prompts/p/labels', { name: 'production', version_tag: '1.0.0' });
    const { body } = await diff('?from=production&to=1.9.0');
    expect(promptComparisonSchema.strict().parse(body)).toMatchObject({ name: 'p', from: '1.0.0', to: '1.9.0' });
    expect(body.text).toBe('--- 1.0.0\n+++ 1.9.0\n@@ -1,2 +1,2 @@\n [user]\n-one\n+nine\n');
    expect(body.messages).toMatchObject([{ change: 'changed', from_index: 0, to_index: 0, members: [] }]);
    expect((await diff('?from=1.9.0&to=production')).body.text).toContain('-nine\n+one\n');
  });

  it('compares with the version before, as versions are ordered, when none is named', async () => {
    expect((await diff()).body).toMatchObject({ from: '1.9.0', to: '1.10.0' });
    expect((await diff('?to=1.9.0')).body).toMatchObject({ from: '1.0.0', to: '1.9.0' });
    expect((await diff('?to=1.0.0')).body).toMatchObject({
      from: '1.0.0',
      to: '1.0.0',
      messages: [{ change: 'same' }],
    });
  });

  it('says which it has not found', async () => {
    expect((await diff('?from=3.0.0')).body.error).toBe('Version not found');
    expect((await diff('?to=gone')).body.error).toBe('Label not found');
    expect((await diff('?to=')).status).toBe(422);
    expect((await acme('GET', '/v1/prompts/q/diff')).json().error).toBe('Prompt not found');
  });
});
