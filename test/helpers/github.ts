/**
 * A GitHub to test against: the REST calls that are used, as its documentation has them, and `git http-backend`, both over
 * one real bare repository. It can be told to fail in the ways that the real one does.
 */
import { execFileSync, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { InTurn } from '../../src/registry/git/turns.js';

export const TOKEN = 'ghp_of-the-tests-0123456789';
export const REPO = 'acme/prompts';

export interface Call {
  method: string;
  /** Below the API's root; or `git-upload-pack`, `git-receive-pack` for Git's own door. */
  what: string;
}

/** undefined: answered as it should be. */
export type Fault =
  | { status: number; headers?: Record<string, string>; message?: string }
  /** Nothing is done; the connection breaks. */
  | 'drop'
  /** Nothing is done; no answer comes. */
  | 'hang'
  /** It is done; the connection breaks before the answer. */
  | 'lose the answer'
  /** It is done; the connection breaks within the answer. */
  | 'break the answer';

export interface TestGithub {
  apiUrl: string;
  /** The repository. */
  directory: string;
  calls: Call[];
  /** Asked before each call. */
  fault: (call: Call) => Fault | undefined;
  git(...command: string[]): string;
  /** As a person does who pushes a commit with these files; undefined removes one. */
  push(files: Record<string, string | undefined>, message?: string): string;
  /** No connection is taken any more, until it is raised again at the same port. */
  goDown(): Promise<void>;
  comeUp(): Promise<void>;
  close(): Promise<void>;
}

function backend(): string | undefined {
  try {
    const program = path.join(execFileSync('git', ['--exec-path'], { encoding: 'utf8' }).trim(), 'git-http-backend');
    return existsSync(program) ? program : undefined;
  } catch {
    return undefined;
  }
}

/** undefined where there is no git. */
export const HTTP_BACKEND = backend();

export function signatureOf(secret: string, body: string): string {
  return `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

interface Answer {
  status: number;
  body: unknown;
}

interface Signature {
  name: string;
  email: string;
  /** ISO 8601. */
  date: string;
}

interface FileRequest {
  branch: string;
  message: string;
  content: string;
  sha?: string;
  author: Signature;
  committer: Signature;
}

const byHand = (): Signature => ({ name: 'Grace', email: 'g@x', date: new Date().toISOString() });

/** As `git fast-import` reads who wrote something, and when. */
function signed({ name, email, date }: Signature): string {
  return `${name} <${email}> ${Math.floor(Date.parse(date) / 1000)} +0000`;
}

function data(content: Buffer): (string | Buffer)[] {
  return [`data ${content.length}\n`, content, '\n'];
}

/** One line per header, a blank line, the body (RFC 3875). */
function answerCgi(response: ServerResponse, output: Buffer): void {
  const end = output.indexOf('\r\n\r\n');
  const headers = output.toString('latin1', 0, end).split('\r\n');
  for (const header of headers) {
    const [name, value] = [header.slice(0, header.indexOf(':')), header.slice(header.indexOf(':') + 1).trim()];
    if (name.toLowerCase() === 'status') response.statusCode = Number.parseInt(value, 10);
    else response.setHeader(name, value);
  }
  response.end(output.subarray(end + 4));
}

function runBackend(root: string, url: URL, request: IncomingMessage, body: Buffer): Promise<Buffer> {
  const env = {
    ...process.env,
    GIT_PROJECT_ROOT: root,
    GIT_HTTP_EXPORT_ALL: '1',
    REQUEST_METHOD: request.method,
    PATH_INFO: url.pathname,
    QUERY_STRING: url.search.slice(1),
    CONTENT_TYPE: request.headers['content-type'] ?? '',
    CONTENT_LENGTH: String(body.length),
    HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
    GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
    REMOTE_USER: 'tester',
    REMOTE_ADDR: '127.0.0.1',
  };
  return new Promise((resolve, reject) => {
    const child = spawn(HTTP_BACKEND!, [], { env, stdio: ['pipe', 'pipe', 'ignore'] });
    const output: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
    child.on('error', reject);
    child.on('close', () => resolve(Buffer.concat(output)));
    child.stdin.on('error', () => {});
    child.stdin.end(body);
  });
}

export async function startGithub(branch = 'main'): Promise<TestGithub> {
  const root = await mkdtemp(path.join(os.tmpdir(), 'github-'));
  const directory = path.join(root, `${REPO}.git`);
  execFileSync('git', ['init', '--quiet', '--bare', `--initial-branch=${branch}`, directory]);
  const run = (command: readonly string[], input?: string | Buffer, env: NodeJS.ProcessEnv = {}) =>
    execFileSync('git', ['-C', directory, ...command], {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(input !== undefined && { input }),
    })
      .toString('utf8')
      .trim();
  run(['config', 'http.receivepack', 'true']);
  const tryRun = (...command: Parameters<typeof run>) => {
    try {
      return run(...command);
    } catch {
      return undefined;
    }
  };
  const headOf = (branch: string) => tryRun(['rev-parse', '--verify', '--quiet', `refs/heads/${branch}`]);

  /** By one program: a test makes dozens of commits, and each program takes ten milliseconds. */
  const commit = (
    branch: string,
    files: Record<string, Buffer | undefined>,
    message: string,
    { author, committer }: Pick<FileRequest, 'author' | 'committer'>,
  ) => {
    const ref = `refs/heads/${branch}`;
    const parent = headOf(branch);
    const stream = [
      `commit ${ref}\nmark :1\nauthor ${signed(author)}\ncommitter ${signed(committer)}\n`,
      ...data(Buffer.from(message)),
      ...(parent ? [`from ${parent}\n`] : []),
      ...Object.entries(files).flatMap(([file, content]) =>
        content === undefined ? [`D ${file}\n`] : [`M 100644 inline ${file}\n`, ...data(content)],
      ),
      'get-mark :1\n',
    ];
    return run(['fast-import', '--quiet'], Buffer.concat(stream.map((part) => Buffer.from(part))));
  };

  const putFile = (file: string, request: FileRequest): Answer => {
    const blob = tryRun(['rev-parse', '--verify', '--quiet', `refs/heads/${request.branch}:${file}`]);
    if (blob && request.sha !== blob) {
      return { status: 422, body: { message: 'Invalid request.\n\n"sha" wasn\'t supplied.' } };
    }
    const content = Buffer.from(request.content, 'base64');
    const sha = commit(request.branch, { [file]: content }, request.message, request);
    return { status: 201, body: { content: { path: file }, commit: { sha, message: request.message } } };
  };
  const postRef = ({ ref, sha }: { ref: string; sha: string }): Answer => {
    if (tryRun(['rev-parse', '--verify', '--quiet', ref])) {
      return { status: 422, body: { message: 'Reference already exists' } };
    }
    run(['update-ref', ref, sha]);
    return { status: 201, body: { ref, object: { type: 'commit', sha } } };
  };
  const answerRest = (method: string, what: string, body: Buffer): Answer => {
    const given = body.length > 0 ? JSON.parse(body.toString('utf8')) : {};
    const file = /^\/contents\/(.+)$/.exec(what)?.[1];
    if (method === 'PUT' && file !== undefined) return putFile(decodeURIComponent(file), given);
    if (method === 'POST' && what === '/git/refs') return postRef(given);
    return { status: 404, body: { message: 'Not Found' } };
  };

  const github: TestGithub = {
    apiUrl: '',
    directory,
    calls: [],
    fault: () => undefined,
    git: (...command) => run(command),
    push: (files, message = 'By hand') => {
      const contents = Object.entries(files).map(([file, text]) => [
        file,
        text === undefined ? text : Buffer.from(text),
      ]);
      return commit(branch, Object.fromEntries(contents), message, { author: byHand(), committer: byHand() });
    },
    goDown: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
    comeUp: () => listen(port),
    close: async () => {
      if (server.listening) await github.goDown();
      await rm(root, { recursive: true, force: true });
    },
  };

  const authorized = ({ headers }: IncomingMessage) =>
    [`token ${TOKEN}`, `Basic ${Buffer.from(`x-access-token:${TOKEN}`).toString('base64')}`].includes(
      headers.authorization ?? '',
    );
  const api = `/api/v3/repos/${REPO}`;
  // One call after another, as the commits on one branch are made.
  const turns = new InTurn();

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await bodyOf(request);
    const url = new URL(request.url!, 'http://github.test');
    const rest = url.pathname.startsWith(api);
    const service = url.searchParams.get('service') ?? path.basename(url.pathname);
    const call = { method: request.method!, what: rest ? url.pathname.slice(api.length) : service };
    github.calls.push(call);
    const fault = github.fault(call);
    if (fault === 'hang') return;
    if (fault === 'drop') return void request.socket.destroy();
    if (typeof fault === 'object') {
      response.writeHead(fault.status, { 'content-type': 'application/json; charset=utf-8', ...fault.headers });
      return void response.end(JSON.stringify({ message: fault.message ?? 'A fault of the test' }));
    }
    if (!authorized(request)) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="GitHub"', 'content-type': 'application/json' });
      return void response.end('{"message":"Bad credentials"}');
    }
    if (!rest) return answerCgi(response, await runBackend(root, url, request, body));
    const answer = answerRest(call.method, call.what, body);
    if (fault === 'lose the answer') return void request.socket.destroy();
    const text = JSON.stringify(answer.body);
    response.writeHead(answer.status, {
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(text),
    });
    if (fault !== 'break the answer') return void response.end(text);
    response.write(text.slice(0, 10), () => request.socket.destroy());
  };

  const server = createServer((request, response) => {
    turns.run(() => handle(request, response)).catch((error: unknown) => response.destroy(error as Error));
  });
  const listen = (at: number) => new Promise<void>((resolve) => server.listen(at, '127.0.0.1', () => resolve()));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  github.apiUrl = `http://127.0.0.1:${port}/api/v3`;
  return github;
}
