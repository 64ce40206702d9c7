/** The version of this program, as its package.json says. */
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

function packageFile(): string {
  const source = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
  return path.join(path.basename(source) === 'dist' ? path.dirname(source) : source, 'package.json');
}

export const VERSION: string = (createRequire(import.meta.url)(packageFile()) as { version: string }).version;
