import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What is loaded with the file: not what is imported for its types alone, nor what is loaded when it is needed. */
function importsOf(file: string): string[] {
  const found = readFileSync(path.join(root, file), 'utf8').matchAll(
    /^(?:import|export)\s+(type\s)?(?:[^'"]*?from\s+)?'([^']+)'/gm,
  );
  return [...found].filter(([, typeOnly]) => !typeOnly).map(([, , specifier]) => specifier!);
}

/** Every package that the file loads, by the file that asks for it. */
function packagesOf(entry: string): Map<string, string> {
  const packages = new Map<string, string>();
  const waiting = [entry];
  const seen = new Set(waiting);
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    for (const specifier of importsOf(file)) {
      const target = path.posix.join(path.posix.dirname(file), specifier).replace(/\.js$/, '.ts');
      if (!specifier.startsWith('.')) packages.set(specifier, file);
      // What is generated has no imports of ours.
      else if (existsSync(path.join(root, target)) && !seen.has(target)) {
        seen.add(target);
        waiting.push(target);
      }
    }
  }
  return packages;
}

const DATABASES = /^(better-sqlite3|pg|pg-copy-streams|kysely|ioredis)$/;
const CONTENT_STORES = /^(isomorphic-git|@octokit\/.*|@aws-sdk\/.*|@fastify\/swagger.*|@pydantic\/.*)$/;

describe('MODE=forward', () => {
  it('has no database, no content store and no SDK of a cloud in its memory', () => {
    const packages = [...packagesOf('src/forward.ts')];
    expect(packages.map(([name]) => name)).toContain('fastify');
    expect(packages.filter(([name]) => DATABASES.test(name) || CONTENT_STORES.test(name))).toEqual([]);
  });
});
