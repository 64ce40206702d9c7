import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { type Config, type ConfigReading, readConfig } from '../../src/config.js';
import { readDocument } from '../../src/config-file/document.js';
import { Findings } from '../../src/config-file/findings.js';
import type { MapNode } from '../../src/config-file/node.js';

let directory: string | undefined;

/** Of the test that runs. */
function folder(): string {
  directory ??= makeFolder();
  return directory;
}

function makeFolder(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'config-file-'));
  onTestFinished(() => {
    rmSync(made, { recursive: true, force: true });
    directory = undefined;
  });
  return made;
}

export function write(name: string, text: string): void {
  writeFileSync(path.join(folder(), name), text);
}

/** With that text as gateway.yaml, or with those files in their order. */
export function read(files: string | Record<string, string>, env: Record<string, string> = {}): ConfigReading {
  const named = typeof files === 'string' ? { 'gateway.yaml': files } : files;
  for (const [name, text] of Object.entries(named)) write(name, text);
  return readConfig({ env, directory: folder(), files: Object.keys(named) });
}

/** Of one that must be sound. */
export function configOf(...input: Parameters<typeof read>): Config {
  const { config, faults } = read(...input);
  if (!config) throw new Error(faults.join('\n'));
  return config;
}

export function documentOf(
  text: string,
  variables: Record<string, string> = {},
): { root: MapNode; findings: Findings } {
  const findings = new Findings();
  const surroundings = {
    variable: (name: string) => variables[name],
    file: (): string => {
      throw Object.assign(new Error(), { code: 'ENOENT' });
    },
  };
  return { root: readDocument({ name: 'f.yaml', text, surroundings, findings }), findings };
}
