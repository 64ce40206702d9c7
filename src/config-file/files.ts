/** The files of `--config`, in their order: one map, and what is no top-level key of it told. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { readDocument } from './document.js';
import type { Findings } from './findings.js';
import { suggestion } from './nearest.js';
import { emptyMap, type MapNode, merge } from './node.js';

export interface FilesSource {
  /** As they were named; a later one wins. */
  files: readonly string[];
  /** What relative names start from. */
  directory: string;
  /** Of the environment, for ${env:NAME}. */
  variable(name: string): string | undefined;
  /** Top-level keys. */
  known: readonly string[];
  findings: Findings;
}

/** Top-level keys of the Collector that the gateway does not have. */
const NOT_HERE: Record<string, string> = { connectors: 'the gateway has no connectors' };

function readText(file: string, { directory, findings }: FilesSource): string {
  try {
    return readFileSync(path.resolve(directory, file), 'utf8');
  } catch (error) {
    findings.fault(`${file} can't be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`);
    return '';
  }
}

/** Checked file by file: a key of an earlier file is told with that file's line. */
function checkKeys(root: MapNode, { known, findings }: FilesSource): void {
  for (const [key, { place }] of root.entries) {
    if (known.includes(key)) continue;
    const instead = Object.hasOwn(NOT_HERE, key) ? `; ${NOT_HERE[key]}` : suggestion(key, known);
    findings.fault(`${key} (${place}) is not a setting${instead}`);
  }
}

export function readFiles(source: FilesSource): MapNode {
  const surroundings = {
    variable: source.variable,
    file: (name: string) => readFileSync(path.resolve(source.directory, name), 'utf8'),
  };
  const roots = source.files.map((name) => {
    const text = readText(name, source);
    const root = readDocument({ name, text, surroundings, findings: source.findings });
    checkKeys(root, source);
    return root;
  });
  return roots.reduce((before, next) => merge(before, next) as MapNode, emptyMap(''));
}
