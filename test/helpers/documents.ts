/** What a reader is told to type and to set: the README and the guides behind it, in the order in which they are read. */
import { readFileSync } from 'node:fs';

const root = new URL('../../', import.meta.url);
const GUIDES = [
  'rest-api',
  'prompts',
  'calls-to-models',
  'sending-on',
  'configuration',
  'access',
  'watching',
  'sql',
  'performance',
];

export const DOCUMENTS: readonly string[] = ['README.md', ...GUIDES.map((name) => `docs/${name}.md`)];

export function documentText(file: string): string {
  return readFileSync(new URL(file, root), 'utf8');
}

/** What stands in the fenced blocks of that language, of one document or of all. */
export function fencedBlocks(language: string, files = DOCUMENTS): string[] {
  const blocks = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms');
  return files.flatMap((file) => [...documentText(file).matchAll(blocks)].map((match) => match[1]!));
}
