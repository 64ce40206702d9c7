/** What stands in deploy/, read. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Paths of its files from the root of the repository. */
export function filesIn(folder: string): string[] {
  return readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => path.posix.join(folder, name.replaceAll('\\', '/')))
    .filter((name) => statSync(path.join(ROOT, name)).isFile())
    .sort();
}

export function textOf(file: string): string {
  return readFileSync(path.join(ROOT, file), 'utf8');
}

/** Every YAML that is one before it is rendered. */
export const yamlFiles = filesIn('deploy').filter((name) => /\.ya?ml$/.test(name) && !name.includes('/templates/'));

export interface ReadYaml {
  documents: unknown[];
  faults: string[];
}

export function readYaml(file: string): ReadYaml {
  const documents = parseAllDocuments(textOf(file), { strict: true, merge: true, uniqueKeys: true });
  const read = [documents].flat();
  return {
    documents: read.map((document) => document.toJS() as unknown),
    faults: read.flatMap(({ errors, warnings }) => [...errors, ...warnings].map(({ message }) => message)),
  };
}
