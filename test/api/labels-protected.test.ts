import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { labelProposalPageSchema, protectedLabelPageSchema } from '../../src/api/labels/schema.js';
import { IN_DATABASE, type RegistryFixture, startRegistry } from '../helpers/registry.js';
import { type AccessApp, onEachDatabase } from './databases.js';

onEachDatabase((open) => {
  let fixture: RegistryFixture;
  let context: AccessApp;
  let admin: ReturnType<AccessApp['as']>;
  let other: ReturnType<AccessApp['as']>;
  let writer: ReturnType<AccessApp['as']>;
  const as = async (scopes: string, name: string) =>
    context.as((await context.access.mint('acme', scopes, { name })).key, 'acme');
  beforeEach(async () => {
    context = await open(async ({ control }) => {
      fixture = await startRegistry(control, IN_DATABASE);
      return { registry: fixture.registry };
    });
    admin = await as('read,write,admin', 'Ada');
    other = await as('read,write,admin', 'Grace');
    writer = await as('read,write', 'Linus');
    for (const version of ['1.0.0', '2.0.0']) {
      const body = { name: 'welcome', version, messages: [{ role: 'user', content: version }] };
      expect((await admin('POST', '/v1/prompts', body)).statusCode).toBe(201);
    }
    await admin('POST', '/v1/prompts/welcome/labels', { name: 'production', version_tag: '1.0.0' });
    expect((await admin('POST', '/v1/protected-labels', { name: 'production' })).statusCode).toBe(201);
  });
  afterEach(() => fixture.close());

  const LABEL = '/v1/prompts/welcome/labels/production';
  const PROPOSALS = `${LABEL}/proposals`;
  const move = (who: typeof admin, version_tag = '2.0.0') =>
    who('POST', '/v1/prompts/welcome/labels', { name: 'production', version_tag });
  const served = async () => (await admin('GET', LABEL)).json().version_tag;
  const propose = async (who: typeof admin, body: object = { version_tag: '2.0.0', reason: 'better' }) => {
    const proposed = await who('POST', PROPOSALS, body);
    expect(proposed.statusCode, proposed.body).toBe(201);
    return `${PROPOSALS}/${proposed.json().id}`;
  };

  describe('a protected label', () => {
    it('is neither moved, split nor removed by who is no admin, in any prompt', async () => {
      const refused = await move(writer);
      expect([refused.statusCode, refused.json().code]).toEqual([403, 'FORBIDDEN']);
      const split = [{ version_tag: '2.0.0', weight: 1 }];
      const body = { name: 'production', split };
      expect((await writer('POST', '/v1/prompts/welcome/labels', body)).statusCode).toBe(403);
      expect((await writer('DELETE', LABEL)).statusCode).toBe(403);
      await writer('POST', '/v1/prompts', { name: 'b', version: '1.0.0', messages: [{ role: 'user', content: 'x' }] });
      expect((await writer('POST', '/v1/prompts/b/labels', { name: 'production' })).statusCode).toBe(403);
      expect(await served()).toBe('1.0.0');
      expect((await writer('POST', '/v1/prompts/welcome/labels', { name: 'staging' })).statusCode).toBe(201);
    });

    it('is moved and removed by an admin', async () => {
      expect((await move(admin)).statusCode).toBe(201);
      expect(await served()).toBe('2.0.0');
      expect((await admin('DELETE', LABEL)).statusCode).toBe(204);
    });

    it('is protected in its workspace alone', async () => {
      const { key } = await context.access.mint('elsewhere', 'read,write');
      const elsewhere = context.as(key, 'elsewhere');
      await elsewhere('POST', '/v1/prompts', {
        name: 'welcome',
        version: '1.0.0',
        messages: [{ role: 'user', content: 'x' }],
      });
      expect((await move(elsewhere, '1.0.0')).statusCode).toBe(201);
      expect((await elsewhere('GET', '/v1/protected-labels')).json().total).toBe(0);
    });

    it('is listed, and is free again when it is protected no longer', async () => {
      const page = protectedLabelPageSchema.parse((await writer('GET', '/v1/protected-labels')).json());
      expect(page).toMatchObject({ items: [{ name: 'production', protected_by: 'Ada' }], total: 1 });
      expect((await other('POST', '/v1/protected-labels', { name: 'production' })).json().protected_by).toBe('Ada');
      expect((await admin('DELETE', '/v1/protected-labels/production')).statusCode).toBe(204);
      expect((await admin('DELETE', '/v1/protected-labels/production')).statusCode).toBe(404);
      expect((await move(writer)).statusCode).toBe(201);
    });

    it('is a matter of admins', async () => {
      expect((await writer('POST', '/v1/protected-labels', { name: 'x' })).statusCode).toBe(403);
      expect((await writer('DELETE', '/v1/protected-labels/production')).statusCode).toBe(403);
      expect((await admin('POST', '/v1/protected-labels', { name: 'a b' })).statusCode).toBe(422);
    });
  });

  describe('a proposal', () => {
    it('is carried out when somebody else who is an admin approves it, once', async () => {
      const proposal = await propose(writer);
      expect((await writer('GET', proposal)).json()).toMatchObject({
        from_version: '1.0.0',
        to_version: '2.0.0',
        status: 'open',
        proposed_by: 'Linus',
        reason: 'better',
        decided_by: null,
      });
      expect(await served()).toBe('1.0.0');
      const approved = await admin('POST', `${proposal}/approve`);
      expect([approved.statusCode, approved.json()]).toMatchObject([200, { status: 'approved', decided_by: 'Ada' }]);
      expect(await served()).toBe('2.0.0');
      const { items } = (await admin('GET', `${LABEL}/history`)).json();
      expect(items[0]).toMatchObject({ moved_by: 'Linus', approved_by: 'Ada', reason: 'better', to_version: '2.0.0' });
      expect((await other('POST', `${proposal}/approve`)).statusCode).toBe(409);
    });

    it('is approved neither by who is no admin nor by who has made it', async () => {
      const theirs = await propose(admin);
      expect((await writer('POST', `${theirs}/approve`)).statusCode).toBe(403);
      expect((await admin('POST', `${theirs}/approve`)).statusCode).toBe(403);
      expect(await served()).toBe('1.0.0');
      expect((await other('POST', `${theirs}/approve`)).statusCode).toBe(200);
      expect(await served()).toBe('2.0.0');
    });

    it('of many who approve at once is carried out by one', async () => {
      const proposal = await propose(writer);
      const answers = await Promise.all(
        Array.from({ length: 6 }, (_, at) => (at % 2 ? admin : other)('POST', `${proposal}/approve`)),
      );
      expect(answers.map(({ statusCode }) => statusCode).toSorted()).toEqual([200, 409, 409, 409, 409, 409]);
      expect((await admin('GET', `${LABEL}/history`)).json().total).toBe(2);
    });

    it('that the label was moved under is a 412, and stays open', async () => {
      const proposal = await propose(writer, { version_tag: '1.0.0', reason: 'back' });
      await move(admin);
      expect((await other('POST', `${proposal}/approve`)).statusCode).toBe(412);
      expect(await served()).toBe('2.0.0');
      expect((await admin('GET', proposal)).json().status).toBe('open');
    });

    it('is rejected by an admin, taken back by who made it, and by nobody else', async () => {
      const [first, second] = [await propose(writer), await propose(writer)];
      const stranger = await as('read,write', 'Eve');
      expect((await stranger('POST', `${first}/reject`)).statusCode).toBe(403);
      expect((await writer('POST', `${first}/reject`)).json()).toMatchObject({
        status: 'rejected',
        decided_by: 'Linus',
      });
      expect((await admin('POST', `${second}/reject`)).statusCode).toBe(200);
      for (const proposal of [first, second]) expect((await admin('POST', `${proposal}/approve`)).statusCode).toBe(409);
      expect(await served()).toBe('1.0.0');
      const page = labelProposalPageSchema.parse((await writer('GET', PROPOSALS)).json());
      expect(page.items.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    });

    it('takes a label away, or splits it, when it says so', async () => {
      const split = [
        { version_tag: '1.0.0', weight: 1 },
        { version_tag: '2.0.0', weight: 3 },
      ];
      await admin('POST', `${await propose(writer, { split })}/approve`);
      expect((await admin('GET', LABEL)).json()).toMatchObject({ version_tag: '2.0.0', split });
      await admin('POST', `${await propose(writer, { remove: true })}/approve`);
      expect((await admin('GET', LABEL)).statusCode).toBe(404);
    });

    it('is in the audit log: who proposed, who agreed, from where to where', async () => {
      await admin('POST', `${await propose(writer)}/approve`);
      const { items } = (await admin('GET', '/v1/audit-logs?limit=2')).json();
      expect(items).toMatchObject([
        { action: 'label:approve', version_tag: '2.0.0', details: { label: 'production', from: '1.0.0', to: '2.0.0' } },
        { action: 'label:propose', details: { label: 'production', from: '1.0.0', to: '2.0.0' } },
      ]);
    });

    it.each([
      ['/v1/prompts/nobody/labels/production/proposals', {}, 404],
      [PROPOSALS, { version_tag: '9.0.0' }, 400],
      [PROPOSALS, { version_tag: '1.0.0', remove: true }, 422],
      ['/v1/prompts/welcome/labels/none/proposals', { remove: true }, 404],
      ['/v1/prompts/welcome/labels/latest/proposals', {}, 400],
      ['/v1/prompts/welcome/labels/a%20b/proposals', {}, 404],
    ])('at %s with %j is a %i', async (url, body, status) => {
      expect((await writer('POST', url, body)).statusCode).toBe(status);
    });

    it('that there is not is a 404', async () => {
      for (const id of ['99', '9007199254740991']) {
        expect((await admin('GET', `${PROPOSALS}/${id}`)).statusCode).toBe(404);
        expect((await admin('POST', `${PROPOSALS}/${id}/approve`)).statusCode).toBe(404);
        expect((await admin('POST', `${PROPOSALS}/${id}/reject`)).statusCode).toBe(404);
      }
      expect((await admin('GET', `${PROPOSALS}/x`)).statusCode).toBe(400);
      expect((await admin('GET', '/v1/prompts/nobody/labels/x/proposals')).statusCode).toBe(404);
    });
  });
});
