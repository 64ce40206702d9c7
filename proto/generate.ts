/**
 * `npm run proto`: writes proto/generated/otlp.js and otlp.d.ts from the definitions beside this file. The declarations
 * come out of the comments that pbjs writes, so the module is generated twice: with them, and without.
 */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { pbjs, pbts } from 'protobufjs-cli';

const here = path.dirname(fileURLToPath(import.meta.url));
const SOURCES = ['common', 'resource', 'trace', 'logs', 'metrics', 'trace-service', 'logs-service', 'metrics-service']
  .map((name) => path.join(here, 'otlp', `${name}.proto`))
  .concat(path.join(here, 'google', 'rpc.proto'));
const OPTIONS = ['-t', 'static-module', '-w', 'esm', '--dependency', 'protobufjs/minimal.js'].concat(
  ['service', 'verify', 'delimited', 'typeurl'].map((part) => `--no-${part}`),
);

const runPbjs = promisify((args: string[], done: (error: Error | null) => void) => pbjs.main(args, done));
const runPbts = promisify((args: string[], done: (error: Error | null) => void) => pbts.main(args, done));

export async function generate(directory: string): Promise<void> {
  const commented = path.join(directory, 'commented.js');
  await runPbjs([...OPTIONS, '-o', commented, ...SOURCES]);
  await runPbts(['--no-comments', '-o', path.join(directory, 'otlp.d.ts'), commented]);
  await rm(commented);
  await runPbjs([...OPTIONS, '--no-comments', '-o', path.join(directory, 'otlp.js'), ...SOURCES]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await generate(path.join(here, 'generated'));
