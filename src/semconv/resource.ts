/** What a resource says of all its spans, read once. */
import type { Resource } from '../model/telemetry.js';
import { isObject, parseJson } from './json.js';
import { textOf } from './value.js';
import { Warnings } from './warnings.js';

export interface ResourceFacts {
  environment: string;
  release: string;
}

const NAMES = {
  environment: ['deployment.environment.name', 'deployment.environment', 'langfuse.environment'],
  release: ['service.version', 'langfuse.release'],
} as const;

/** Resources repeat with every request; past the bound the cache starts anew. */
const MAX_ENTRIES = 1024;
const facts = new Map<string, ResourceFacts>();
/** Spans come by their resources. */
let [latest, factsOfLatest]: [Resource?, ResourceFacts?] = [];

export function resourceFacts(resource: Resource): ResourceFacts {
  if (resource !== latest || factsOfLatest === undefined) {
    factsOfLatest = knownFacts(resource);
    latest = resource;
  }
  return factsOfLatest;
}

function knownFacts(resource: Resource): ResourceFacts {
  const known = facts.get(resource.key);
  if (known) return known;
  if (facts.size >= MAX_ENTRIES) facts.clear();
  const read = readFacts(resource);
  facts.set(resource.key, read);
  return read;
}

function readFacts({ attributes }: Resource): ResourceFacts {
  const parsed = parseJson(attributes);
  const object = isObject(parsed) ? parsed : {};
  return { environment: firstOf(object, NAMES.environment), release: firstOf(object, NAMES.release) };
}

function firstOf(object: Readonly<Record<string, unknown>>, names: readonly string[]): string {
  for (const name of names) {
    const text = textOf(object[name], name, new Warnings());
    if (text !== undefined) return text;
  }
  return '';
}
