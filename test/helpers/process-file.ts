/** The file to start in place of a source, `test/registry/process.ts` for one: joined-sources.ts has compiled it. */
import path from 'node:path';
import { inject } from 'vitest';

export function processFile(source: string): string {
  return path.join(inject('joinedSources'), source.replace(/\.ts$/, '.js'));
}
