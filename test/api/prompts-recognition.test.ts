/** What is handed out of prompts is what spans are recognised by: whichever way it was asked for. */
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { promptHashOf } from '../../src/model/prompt-hash.js';
import type { Prompt } from '../../src/registry/prompt.js';
import { type AccessFixture, OPERATOR, startAccess } from '../helpers/access.js';
import { testApp } from '../helpers/api.js';
import { type RegistryFixture, startRegistry } from '../helpers/registry.js';

let access: AccessFixture;
let fixture: RegistryFixture;
let app: FastifyInstance;
beforeAll(async () => {
  access = await startAccess();
  fixture = await startRegistry(access.control);
  app = (await testApp({ registry: fixture.registry })).app;
  const write = (name: string, version: string, more: Partial<Prompt>) =>
    fixture.registry.create({ name, version, ...more }, OPERATOR, {});
  const say = (content: string) => ({ messages: [{ role: 'system' as const, content }] });
  await write('tone', '1.0.0', { type: 'text', content: 'Be brief.' });
  for (const version of ['1.0.0', '1.1.0']) await write('static', version, say('You know pumps.'));
  await write('lively', '1.0.0', say('You know {{things}}.'));
  await write('composed', '1.0.0', say('You know {{things}}. {{> tone@1.0.0}}'));
  await write('fixed', '1.0.0', say('You know all. {{> tone@1.0.0}}'));
});
afterAll(async () => {
  await app.close();
  await fixture.close();
  await access.close();
});

/** The last that was handed out with this text. */
function meaning(text: string): string | undefined {
  const handedOut = fixture.registry.renderings.since(0).texts.filter(({ source }) => source === 'rendering');
  const found = handedOut.findLast(({ hash }) => hash === promptHashOf(text));
  return found && `${found.workspace}/${found.name}@${found.version}`;
}

const get = (url: string, headers: Record<string, string> = {}) => app.inject({ url: `/v1/prompts/${url}`, headers });

describe('a text that a client was given', () => {
  it.each([
    ['lively?variables[things]=taps', 'You know taps.', 'default/lively@1.0.0'],
    ['static?version=1.0.0', 'You know pumps.', 'default/static@1.0.0'],
    ['static?version=1.1.0&variables[none]=x', 'You know pumps.', 'default/static@1.1.0'],
    ['lively', 'You know {{things}}.', 'default/lively@1.0.0'],
    ['fixed', 'You know all. Be brief.', 'default/fixed@1.0.0'],
    ['composed?variables[things]=taps', 'You know taps. Be brief.', 'default/composed@1.0.0'],
    ['tone', 'Be brief.', 'default/tone@1.0.0'],
  ])('by GET %s is not noted', async (url, text, expected) => {
    expect((await get(url)).statusCode).toBe(200);
    expect(meaning(text)).toBe(expected);
  });

  it('by POST render is not noted', async () => {
    const payload = { variables: { things: ['a', 'b'] } };
    const answer = await app.inject({ method: 'POST', url: '/v1/prompts/lively/render', payload });
    expect(answer.json().content.messages[0].content).toBe('You know a,b.');
    expect(meaning('You know a,b.')).toBe('default/lively@1.0.0');
  });

  it('before, and has still, is that of whoever asked after it', async () => {
    const url = 'static?version=1.0.0';
    const etag = (await get(url)).headers.etag as string;
    await get('static?version=1.1.0');
    expect((await get(url, { 'if-none-match': etag })).statusCode).toBe(304);
    expect(meaning('You know pumps.')).toBe('default/static@1.0.0');
  });
});
