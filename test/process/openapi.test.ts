/** Each documented operation of a whole gateway, called with its documented example, on each database. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GatewayProcess } from '../../bench/gateway-process.js';
import { getJson, startGatewayForAll, temporaryDirectory } from '../helpers/gateway.js';
import { faults, type Schema } from '../helpers/json-schema.js';
import { sharedPostgres } from '../helpers/shared-postgres.js';

interface Operation {
  requestBody?: { content: Record<string, { example?: unknown }> };
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>;
}

interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

interface Call {
  method: string;
  path: string;
  operation: Operation;
}

const server = sharedPostgres();
afterAll(() => server?.remove());

/** What is made comes before what is read of it, changed in it, and at last deleted, the inner before the outer. */
const ORDER = ['post', 'get', 'patch', 'delete'];
const MAKERS = [
  '/v1/prompts',
  '/v1/prompts/{name}/labels',
  '/v1/traces',
  '/v1/api-keys',
  '/v1/workspaces',
  '/v1/runs',
  '/v1/logs',
];

function rankOf({ method, path }: Call): number {
  const depth = path.split('/').length;
  return (
    ORDER.indexOf(method) * 100 +
    (method === 'delete' ? -depth : MAKERS.includes(path) ? MAKERS.indexOf(path) / 100 : depth)
  );
}

/** What one request can't show: it is signed, is a stream, or needs another before it. Each has tests of its own. */
const ELSEWHERE =
  /^\/webhooks\/|\/events$|\/proposals|\/restore$|\/diff$|^\/v1\/protected-labels\/|\/versions\/\{|^\/v1\/(generations|spans|sessions|users)\/\{/;

function callsOf({ paths }: Document): Call[] {
  const shown = Object.entries(paths).filter(([path]) => !ELSEWHERE.test(path));
  const calls = shown.flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ method, path, operation })),
  );
  // By its key goes the same price that goes by its id.
  const once = calls.filter(({ method, path }) => `${method} ${path}` !== 'delete /v1/prices');
  return once.toSorted((a, b) => rankOf(a) - rankOf(b));
}

function exampleOf({ operation }: Call): unknown {
  return operation.requestBody?.content['application/json']?.example;
}

/** Nothing here goes to the dead letters: of one there is only the answer that this is none. */
function expectedOf({ path, operation }: Call): number {
  if (path.startsWith('/v1/dead-letters/{id}')) return 400;
  const success = Object.keys(operation.responses).filter((status) => status.startsWith('2'));
  return Number(success.at(-1));
}

/** What the document leaves to the caller: the example of a prompt needs a variable, a price is of a model. */
const QUERIES: Readonly<Record<string, string>> = {
  'get /v1/prompts/{name}': '?variables[name]=Alice',
  'get /v1/prices/effective': '?model=gpt-4o',
};

/** Of things that the server names, what it has named them. */
class Names {
  private readonly ofPath = new Map<string, string>();

  constructor(private readonly document: Document) {}

  learn({ method, path }: Call, answer: Record<string, unknown> | undefined): void {
    if ((method !== 'post' && method !== 'put') || answer === undefined) return;
    for (const name of ['id', 'run_id']) {
      if (answer[name] !== undefined) this.ofPath.set(`${path}/{${name}}`, String(answer[name]));
    }
  }

  learnBatch(id: string | null): void {
    if (id !== null) this.ofPath.set('/v1/ingest/batches/{id}', id);
  }

  urlOf({ path }: Call): string {
    return path.replaceAll(/\{(\w+)\}/g, (_, name: string, at: number) => {
      const known = this.ofPath.get(`${path.slice(0, at)}{${name}}`);
      return encodeURIComponent(known ?? this.documented(path.slice(0, at - 1), name) ?? '1');
    });
  }

  /** As the examples of the document have it. */
  private documented(collection: string, name: string): string | undefined {
    const operation = this.document.paths[collection]?.post;
    const example = operation && exampleOf({ method: 'post', path: collection, operation });
    const member = name === 'label_name' ? 'name' : name;
    return (example as Record<string, string> | undefined)?.[member];
  }
}

const engines: [string, boolean, () => Promise<Record<string, string>>][] = [
  ['SQLite', false, async () => ({})],
  ['Postgres', !server, async () => ({ DATABASE_URL: await server!.createDatabase() })],
];

for (const [engine, skipped, environment] of engines) {
  describe.skipIf(skipped)(`on ${engine}`, () => {
    let gateway: GatewayProcess;
    let document: Document;
    beforeAll(async () => {
      gateway = await startGatewayForAll({ dataDirectory: temporaryDirectory(), env: await environment() });
      document = await getJson(`${gateway.api}/openapi.json`);
    });
    afterAll(() => gateway?.stop());

    const send = async (call: Call, url: string) => {
      const body = exampleOf(call);
      const response = await fetch(`${gateway.api}${url}`, {
        method: call.method.toUpperCase(),
        ...(body !== undefined && {
          body: JSON.stringify(body),
          headers: { 'content-type': 'application/json' },
        }),
      });
      const batch = response.headers.get('x-batch-id');
      return { status: response.status, text: await response.text(), batch };
    };

    const schemaOf = ({ operation: { responses } }: Call, status: number) => {
      const documented = responses[String(status)] ?? responses[`${Math.floor(status / 100)}XX`];
      return documented?.content?.['application/json']?.schema;
    };

    it('each operation that is documented answers as it is documented', async () => {
      const names = new Names(document);
      for (const call of callsOf(document)) {
        const url = names.urlOf(call) + (QUERIES[`${call.method} ${call.path}`] ?? '');
        const { status, text, batch } = await send(call, url);
        const told = `${call.method} ${url}`;
        expect([told, status, text]).toEqual([told, expectedOf(call), text]);
        names.learnBatch(batch);
        const schema = schemaOf(call, status);
        if (schema === undefined) continue;
        const answer = JSON.parse(text) as Record<string, unknown>;
        expect([told, faults(document.components.schemas, schema, answer)]).toEqual([told, []]);
        names.learn(call, answer);
      }
    });
  });
}
