/** service.pipelines: which components the telemetry of a signal goes through, checked against what is defined. */
import type { Findings } from './findings.js';
import { nearest, suggestion } from './nearest.js';
import { type ConfigNode, KIND_NAMES, type MapNode } from './node.js';

export const PIPELINE_SIGNALS = ['traces', 'logs', 'metrics'] as const;
const STAGES = ['receivers', 'processors', 'exporters'] as const;
type Stage = (typeof STAGES)[number];

export interface Pipeline {
  /** traces, or traces/name */
  id: string;
  signal: (typeof PIPELINE_SIGNALS)[number];
  receivers: readonly string[];
  processors: readonly string[];
  exporters: readonly string[];
}

export interface ReadPipeline extends Pipeline {
  place: string;
  /** Where each stage is listed. */
  places: Partial<Record<Stage, string>>;
}

export interface Defined {
  /** id → place */
  ids: ReadonlyMap<string, string>;
  /** Always there, without being defined in a file. */
  builtIn: readonly string[];
  /** Of processors: whether that one can only stand before those that do not. */
  readsAhead?(id: string): boolean;
}

export type DefinedComponents = Record<Stage | 'extensions', Defined>;

interface Reference {
  id: string;
  place: string;
}

function readReferences(node: ConfigNode | undefined, path: string, findings: Findings): Reference[] {
  if (!node || (node.kind === 'scalar' && node.value === null)) return [];
  if (node.kind !== 'list') {
    findings.fault(`${path} (${node.place}): expected a list, found ${KIND_NAMES[node.kind]}`);
    return [];
  }
  return node.items.flatMap((item) => {
    if (item.kind === 'scalar') return [{ id: item.text, place: item.place }];
    return findings.fault(`${path} (${item.place}): expected names of components`) ?? [];
  });
}

function checkReferences(references: readonly Reference[], defined: Defined, path: string, findings: Findings): void {
  const known = [...defined.ids.keys(), ...defined.builtIn];
  references.forEach(({ id, place }, index) => {
    if (!known.includes(id)) {
      findings.fault(`${path} (${place}) names ${id}, which is not defined${suggestion(id, known)}`);
    } else if (references.findIndex((other) => other.id === id) < index) {
      findings.fault(`${path} (${place}) names ${id} twice`);
    }
  });
}

/** An order that would not hold is none that somebody may believe in. */
function checkOrder(references: readonly Reference[], { readsAhead }: Defined, path: string, findings: Findings): void {
  if (readsAhead === undefined) return;
  const before = references.find(({ id }) => !readsAhead(id));
  const late = before && references.slice(references.indexOf(before)).find(({ id }) => readsAhead(id));
  if (late === undefined) return;
  const why = 'it decides by what was received, before any other processor: name it first';
  findings.fault(`${path} (${late.place}) names ${late.id} behind ${before!.id}; ${why}`);
}

function signalOf(id: string): Pipeline['signal'] | undefined {
  const [word, ...name] = id.split('/');
  const wellFormed = name.length === 0 || (name.length === 1 && name[0] !== '');
  return wellFormed ? PIPELINE_SIGNALS.find((signal) => signal === word) : undefined;
}

export interface ServiceSource {
  service: MapNode | undefined;
  defined: DefinedComponents;
  findings: Findings;
}

class ServiceReader {
  readonly used = new Set<string>();

  constructor(
    private readonly defined: DefinedComponents,
    private readonly findings: Findings,
  ) {}

  references(node: ConfigNode | undefined, stage: keyof DefinedComponents, path: string): string[] {
    const references = readReferences(node, path, this.findings);
    checkReferences(references, this.defined[stage], path, this.findings);
    checkOrder(references, this.defined[stage], path, this.findings);
    for (const { id } of references) this.used.add(`${stage}.${id}`);
    return references.map(({ id }) => id);
  }

  pipeline(id: string, place: string, node: ConfigNode): ReadPipeline[] {
    const path = `service.pipelines.${id}`;
    const signal = signalOf(id);
    if (!signal) {
      const meant = nearest(id.split('/')[0]!, PIPELINE_SIGNALS);
      const hint = meant ? `; did you mean ${meant}?` : '';
      this.findings.fault(`${path} (${place}): expected traces, logs or metrics, each with or without /name${hint}`);
      return [];
    }
    if (node.kind !== 'map') {
      this.findings.fault(`${path} (${node.place}): expected a map of receivers, processors and exporters`);
      return [];
    }
    for (const [key, entry] of node.entries) {
      if (STAGES.some((stage) => stage === key)) continue;
      this.findings.fault(`${path}.${key} (${entry.place}) is not a setting${suggestion(key, STAGES)}`);
    }
    const stage = (name: Stage) => this.references(node.entries.get(name)?.value, name, `${path}.${name}`);
    const read = { receivers: stage('receivers'), processors: stage('processors'), exporters: stage('exporters') };
    for (const name of ['receivers', 'exporters'] as const) {
      if (read[name].length === 0) this.findings.fault(`${path} (${place}) has no ${name}`);
    }
    const listed = STAGES.filter((name) => node.entries.has(name));
    const places = Object.fromEntries(listed.map((name) => [name, node.entries.get(name)!.place]));
    return [{ id, signal, ...read, place, places }];
  }

  /** Its pipelines; every other key is told. */
  service(service: MapNode): ReadPipeline[] {
    const known = ['pipelines', 'extensions'];
    for (const [key, { place }] of service.entries) {
      if (known.includes(key)) continue;
      const instead = key === 'telemetry' ? '; see logging for the log, and GET /metrics' : suggestion(key, known);
      this.findings.fault(`service.${key} (${place}) is not a setting${instead}`);
    }
    this.references(service.entries.get('extensions')?.value, 'extensions', 'service.extensions');
    const pipelines = service.entries.get('pipelines')?.value;
    if (!pipelines || (pipelines.kind === 'scalar' && pipelines.value === null)) return [];
    if (pipelines.kind !== 'map') {
      this.findings.fault(`service.pipelines (${pipelines.place}): expected a map`);
      return [];
    }
    return [...pipelines.entries].flatMap(([id, { place, value }]) => this.pipeline(id, place, value));
  }
}

export function readService({ service, defined, findings }: ServiceSource): ReadPipeline[] {
  const reader = new ServiceReader(defined, findings);
  const pipelines = service ? reader.service(service) : [];
  for (const [stage, { ids }] of Object.entries(defined)) {
    // Without pipelines a file only sets the receivers; they are open in any case.
    if (stage === 'receivers' && pipelines.length === 0) continue;
    for (const [id, place] of ids) {
      if (!reader.used.has(`${stage}.${id}`)) findings.warn(`${stage}.${id} (${place}) is defined, and used nowhere`);
    }
  }
  return pipelines;
}
