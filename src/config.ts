/**
 * Joins the settings that components declare, and reads them: from the environment, from `.env` in the working folder for
 * what the environment doesn't set, and from configuration files for what neither does. The only reader of process.env.
 * Every fault is reported at once, each with its name, its line and what was expected; then the start fails.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'dotenv';
import { z } from 'zod';
import { queueSettings } from '../exporters/config.js';
import { datadogComponentTypes } from '../exporters/datadog/components.js';
import { datadogSettings } from '../exporters/datadog/config.js';
import { fileComponentTypes } from '../exporters/file/components.js';
import { fileSettings } from '../exporters/file/config.js';
import { otlpComponentTypes } from '../exporters/otlp/components.js';
import {
  otlpLogsSettings,
  otlpMetricsSettings,
  otlpSettings,
  otlpTracesSettings,
  presetSettings,
} from '../exporters/otlp/config.js';
import { processorComponentTypes } from '../exporters/processing/components.js';
import { choosingSettings } from '../exporters/processing/config.js';
import { s3ComponentTypes } from '../exporters/s3/components.js';
import { s3ExporterSettings } from '../exporters/s3/config.js';
import { tailSamplingComponentTypes } from '../exporters/tail-sampling/config.js';
import { receiverSettings } from '../receivers/otlp/config.js';
import { workerSettings } from '../workers/config.js';
import { accessSettings } from './access/config.js';
import { apiSettings } from './api/config.js';
import { bufferSettings } from './buffer/config.js';
import {
  type ComponentKind,
  type ConfiguredComponent,
  type ReadComponent,
  readComponents,
  readsAhead,
  typeOf,
} from './config-file/components.js';
import { readFiles } from './config-file/files.js';
import { Findings } from './config-file/findings.js';
import { keyOf } from './config-file/key.js';
import { mapAt, readLeaves } from './config-file/leaves.js';
import { suggestion } from './config-file/nearest.js';
import type { MapNode } from './config-file/node.js';
import { COLLECTOR_KEYS, fieldsOf, type Given, give, warnOfShared } from './config-file/otlp-receiver.js';
import { type Pipeline, type ReadPipeline, readService } from './config-file/pipelines.js';
import { type EffectiveSetting, printConfig } from './config-file/print.js';
import { GatewayError } from './errors.js';
import { limitSettings } from './limits/config.js';
import { loggingSettings } from './observability/config.js';
import { selfTelemetrySettings } from './observability/self-telemetry/config.js';
import { registrySettings } from './registry/config.js';
import { milliseconds, oneOf, type SettingMeta } from './setting.js';
import { storeSettings } from './store/config.js';
import { withoutPassword } from './url-user.js';

const processSettings = z.object({
  mode: oneOf(['full', 'forward'])
    .prefault('full')
    .meta({
      env: 'MODE',
      description: 'full, or forward: no store, no prompts and no keys; what comes in by OTLP goes to the exporters',
    } satisfies SettingMeta),
  shutdownDeadlineMs: milliseconds(0, 3_600_000)
    .prefault('10000')
    .meta({
      env: 'SHUTDOWN_DEADLINE_MS',
      description: 'After SIGTERM: how long open requests and the flush into the store may take',
    } satisfies SettingMeta),
});

/** In the order in which they are printed. */
const SECTIONS = {
  receivers: receiverSettings,
  api: apiSettings,
  access: accessSettings,
  limits: limitSettings,
  buffer: bufferSettings,
  store: storeSettings,
  registry: registrySettings,
  workers: workerSettings,
  exporting: queueSettings,
  choosing: choosingSettings,
  presets: presetSettings,
  otlp: otlpSettings,
  otlpTraces: otlpTracesSettings,
  otlpLogs: otlpLogsSettings,
  otlpMetrics: otlpMetricsSettings,
  datadog: datadogSettings,
  file: fileSettings,
  s3: s3ExporterSettings,
  logging: loggingSettings,
  selfTelemetry: selfTelemetrySettings,
  process: processSettings,
} as const;

/** Exporters that variables name. A file defines its own at `exporters`, as many as there are. */
const VARIABLES_ONLY: readonly string[] = [
  'choosing',
  'presets',
  'otlp',
  'otlpTraces',
  'otlpLogs',
  'otlpMetrics',
  'datadog',
  'file',
  's3',
];

/** Components that configuration files define, any number of each type. A type is added here, with its schema. */
const COMPONENT_KINDS = {
  processors: {
    key: 'processors',
    types: { ...processorComponentTypes, ...tailSamplingComponentTypes },
    instead: {
      batch: 'requests are gathered by the durable buffer and by each exporter',
      memory_limiter: 'what is held in memory is bounded by receivers.otlp.max_in_flight_bytes',
    },
  },
  exporters: {
    key: 'exporters',
    types: { ...otlpComponentTypes, ...datadogComponentTypes, ...fileComponentTypes, ...s3ComponentTypes },
    instead: { store: 'it is always there, and set up at store' },
  },
  extensions: {
    key: 'extensions',
    types: {},
    instead: {
      health_check: 'GET /health and /health/ready on the port of the API',
      healthcheckv2: 'GET /health and /health/ready on the port of the API',
      file_storage: 'the durable buffer is always on, see buffer and store.data_dir',
    },
  },
} as const satisfies Record<string, ComponentKind>;

/** Where pipelines may lead without its being defined in a file. */
const STORE = 'store';

type Sections = { readonly [Section in keyof typeof SECTIONS]: Readonly<z.infer<(typeof SECTIONS)[Section]>> };

export interface ServiceConfig {
  readonly processors: readonly ConfiguredComponent[];
  readonly exporters: readonly ConfiguredComponent[];
  readonly pipelines: readonly Pipeline[];
}

export type Config = Sections & {
  /** What configuration files define; empty without any. */
  readonly service: ServiceConfig;
};

export interface Setting extends SettingMeta {
  section: string;
  field: string;
  /** As it would stand in the environment; undefined when the setting has no default. */
  defaultText: string | undefined;
}

function defaultTextOf(schema: z.ZodType): string | undefined {
  return schema instanceof z.ZodPrefault ? String(schema.def.defaultValue) : undefined;
}

function metaOf(schema: z.ZodType, name: string): SettingMeta {
  const meta = z.globalRegistry.get(schema) as SettingMeta | undefined;
  if (!meta?.env) throw new Error(`The setting ${name} names no environment variable`);
  return meta;
}

function fieldsOfSection(schema: z.ZodObject): [string, z.ZodType][] {
  return Object.entries(schema.shape as Record<string, z.ZodType>);
}

/** Every setting of every component; one that several components share is listed where it comes first. */
export function listSettings(): Setting[] {
  const seen = new Set<string>();
  return Object.entries(SECTIONS).flatMap(([section, schema]) =>
    fieldsOfSection(schema)
      .map(([field, type]) => ({
        section,
        field,
        defaultText: defaultTextOf(type),
        ...metaOf(type, `${section}.${field}`),
      }))
      .filter(({ env }) => !seen.has(env) && seen.add(env)),
  );
}

/** The text of `.env.example`: every setting, commented out at its default. */
export function printEnvExample(): string {
  const lines = [
    '# Every setting of promptmetrics-server, at its default. Copy to .env in the working folder and change what you need;',
    '# a variable of the environment wins over this file. Made by `npm run env-example` from the schemas.',
  ];
  let section = '';
  for (const setting of listSettings()) {
    if (setting.section !== section) lines.push('', `# --- ${setting.section}`);
    section = setting.section;
    lines.push('', `# ${setting.description}`, `# ${setting.env}=${setting.defaultText ?? ''}`);
  }
  return `${lines.join('\n')}\n`;
}

interface Source {
  values: Record<string, string>;
  /** Where a value stands, for messages: `.env:3`, or `environment`. */
  place(name: string): string;
}

function lineOf(text: string, name: string): number {
  const lines = text.split(/\r?\n/);
  // The last one counts, as it does for the value.
  return lines.findLastIndex((line) => new RegExp(`^\\s*(export\\s+)?${name}\\s*[=:]`).test(line)) + 1;
}

interface EnvFile {
  values: Record<string, string>;
  text: string;
}

function readEnvFile(directory: string, findings: Findings): EnvFile {
  const file = path.join(directory, '.env');
  try {
    const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
    return { values: parse(text), text };
  } catch (error) {
    findings.fault(`.env can't be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`);
    return { values: {}, text: '' };
  }
}

/** Names that other programs read from a shared `.env`. */
const FOREIGN = /^(OTEL|NODE|NPM|npm|DOCKER|COMPOSE|POSTGRES|PG|AWS|GITHUB|REDIS|DD_|TZ$|LANG|LC_)/;

interface EnvFileNames {
  file: EnvFile;
  /** Variables that configuration files put in. */
  used: ReadonlySet<string>;
  findings: Findings;
}

function tellUnknownNames({ file, used, findings }: EnvFileNames): void {
  const known = listSettings().map((setting) => setting.env);
  for (const name of Object.keys(file.values)) {
    if (known.includes(name) || used.has(name) || FOREIGN.test(name)) continue;
    findings.fault(`${name} (.env:${lineOf(file.text, name)}) is not a setting${suggestion(name, known)}`);
  }
}

function sourceOf(env: NodeJS.ProcessEnv, file: EnvFile): Source {
  const set = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const environment = Object.fromEntries(set);
  return {
    values: { ...file.values, ...environment },
    place: (name) => (name in environment ? 'environment' : `.env:${lineOf(file.text, name)}`),
  };
}

/** Of a section, what configuration files say, by field. */
type GivenFields = ReadonlyMap<string, Given>;

function ownFields(schema: z.ZodObject): Map<string, string> {
  return new Map(Object.keys(schema.shape).map((field) => [keyOf(field), field]));
}

const NONE: GivenFields = new Map();

/** A section of ours: the keys are its fields, buffer.max_bytes. */
function givenInSection(section: string, schema: z.ZodObject, root: MapNode, findings: Findings): GivenFields {
  const node = mapAt(root, section, section, findings);
  const fields = ownFields(schema);
  const leaves = node ? readLeaves({ node, path: section, known: [...fields.keys()], findings }) : new Map();
  const given = new Map<string, Given>();
  for (const [key, leaf] of leaves) if (leaf.text !== undefined) given.set(fields.get(key)!, leaf);
  return given;
}

interface GivenReceivers {
  /** By field. */
  given: GivenFields;
  /** id → place */
  ids: Map<string, string>;
}

function receiverIds(receivers: MapNode | undefined, findings: Findings): Map<string, string> {
  const ids = new Map<string, string>();
  for (const [id, { place }] of receivers?.entries ?? []) {
    if (typeOf(id) !== 'otlp') {
      const meant = suggestion(id, ['otlp']) || '; the receivers are: otlp';
      findings.fault(`receivers.${id} (${place}) is of no known type${meant}`);
    } else {
      const other = [...ids.keys()].find((known) => typeOf(known) === 'otlp');
      if (other) findings.fault(`receivers.${id} (${place}): the gateway has one OTLP receiver, which ${other} is`);
    }
    ids.set(id, place);
  }
  return ids;
}

/** receivers.otlp: the Collector's keys, and beside them the fields by their own names. */
function givenInReceivers(root: MapNode, findings: Findings): GivenReceivers {
  const receivers = mapAt(root, 'receivers', 'receivers', findings);
  const ids = receiverIds(receivers, findings);
  const id = [...ids.keys()].find((each) => typeOf(each) === 'otlp');
  const node = id === undefined ? undefined : mapAt(receivers!, id, `receivers.${id}`, findings);
  if (!node) return { given: new Map(), ids };
  const fields = ownFields(receiverSettings);
  const known = [...COLLECTOR_KEYS, ...fields.keys()];
  const leaves = readLeaves({ node, path: `receivers.${id}`, known, findings });
  const given = fieldsOf(leaves, findings);
  for (const [key, leaf] of leaves) {
    if (fields.has(key) && leaf.text !== undefined) give(given, fields.get(key)!, leaf as Given, findings);
  }
  warnOfShared(leaves, `receivers.${id}`, findings);
  return { given, ids };
}

interface Value {
  text: string | undefined;
  /** As messages name it. */
  name: string;
  place: string;
  secret: boolean;
}

/** An empty value means «not set», as it does for every OpenTelemetry SDK. */
function valueGiven(field: string, type: z.ZodType, source: Source, given: GivenFields): Value {
  const { env, secret = false } = metaOf(type, field);
  const text = source.values[env]?.trim();
  if (text) return { text, name: env, place: source.place(env), secret };
  const inFile = given.get(field);
  if (inFile) return { text: inFile.text, name: inFile.path, place: inFile.place, secret };
  return { text: undefined, name: env, place: 'default', secret };
}

const HIDDEN = '(hidden)';

function shown(text: string): string {
  return JSON.stringify(withoutPassword(text, HIDDEN));
}

interface ReadSection {
  data: unknown;
  settings: EffectiveSetting[];
}

interface SectionSource {
  schema: z.ZodObject;
  /** Keys that lead to it in files; undefined for one of variables only. */
  keys: readonly string[] | undefined;
  source: Source;
  given: GivenFields;
  findings: Findings;
}

function readSection({ schema, keys, source, given, findings }: SectionSource): ReadSection {
  const values = new Map(
    fieldsOfSection(schema).map(([field, type]) => [field, valueGiven(field, type, source, given)]),
  );
  const parsed = schema.safeParse(Object.fromEntries([...values].map(([field, { text }]) => [field, text])));
  for (const issue of parsed.error?.issues ?? []) {
    const { text = '', name, place, secret } = values.get(String(issue.path[0]))!;
    findings.fault(`${name}=${secret ? HIDDEN : shown(text)} (${place}): ${issue.message}`);
  }
  const settings = fieldsOfSection(schema).map(([field, type]) => {
    const { text, place, secret } = values.get(field)!;
    const effective = text ?? defaultTextOf(type);
    const name = keys === undefined ? [metaOf(type, field).env] : [...keys, keyOf(field)];
    return { path: name, text: effective, place: effective === undefined ? 'not set' : place, secret };
  });
  return { data: Object.freeze(parsed.data), settings };
}

interface ReadServiceParts {
  components: Record<keyof typeof COMPONENT_KINDS, ReadComponent[]>;
  pipelines: ReadPipeline[];
}

interface ServicePartsSource {
  root: MapNode;
  receivers: GivenReceivers['ids'];
  /** Whether there is a store, to which everything goes. */
  stores: boolean;
  findings: Findings;
}

function readServiceParts({ root, receivers, stores, findings }: ServicePartsSource): ReadServiceParts {
  const read = (kind: ComponentKind) => readComponents(mapAt(root, kind.key, kind.key, findings), kind, findings);
  const components = {
    processors: read(COMPONENT_KINDS.processors),
    exporters: read(COMPONENT_KINDS.exporters),
    extensions: read(COMPONENT_KINDS.extensions),
  };
  // One whose settings are at fault is defined all the same.
  const ids = (key: string) => {
    const node = root.entries.get(key)?.value;
    return node?.kind === 'map' ? new Map([...node.entries].map(([id, { place }]) => [id, place])) : new Map();
  };
  const defined = {
    receivers: { ids: receivers, builtIn: [] },
    processors: {
      ids: ids('processors'),
      builtIn: [],
      readsAhead: (id: string) => readsAhead(id, COMPONENT_KINDS.processors),
    },
    exporters: { ids: ids('exporters'), builtIn: [STORE] },
    extensions: { ids: ids('extensions'), builtIn: [] },
  };
  const pipelines = readService({ service: mapAt(root, 'service', 'service', findings), defined, findings });
  for (const { id, place, exporters } of pipelines) {
    if (exporters.includes(STORE) === stores) continue;
    const pipeline = `service.pipelines.${id} (${place})`;
    if (stores) findings.warn(`${pipeline} leaves ${STORE} out of its exporters: it is stored all the same`);
    else findings.fault(`${pipeline} leads to ${STORE}, which there is none of with MODE=forward`);
  }
  return { components, pipelines };
}

/** Without a store there are no keys that somebody could be asked for. */
function tellOfForward({ access }: Partial<Sections>, findings: Findings): void {
  if (access?.otlpAuth !== 'required') return;
  findings.fault(
    'OTLP_AUTH=required asks for keys, which MODE=forward has no store for: use auto (only this machine) or off',
  );
}

export interface ConfigInput {
  env: NodeJS.ProcessEnv;
  /** The folder whose `.env` is read, and that relative paths start from. */
  directory: string;
  /** Configuration files, as --config names them; of two that say something, the later one counts. */
  files?: readonly string[] | undefined;
}

/** A configuration that was read, sound or not. */
export interface ConfigReading {
  /** Undefined when there are faults. */
  config: Config | undefined;
  faults: readonly string[];
  warnings: readonly string[];
  /** Every value by its name, for comparison alone: secrets are among them. */
  values: ReadonlyMap<string, string>;
  /** As YAML, each value with where it came from. */
  print(): string;
}

function serviceOf({ components, pipelines }: ReadServiceParts): ServiceConfig {
  const configured = (read: ReadComponent[]) =>
    Object.freeze(read.map(({ id, type, settings }) => Object.freeze({ id, type, settings })));
  return Object.freeze({
    processors: configured(components.processors),
    exporters: configured(components.exporters),
    pipelines: Object.freeze(pipelines.map(({ place, places, ...pipeline }) => Object.freeze(pipeline))),
  });
}

/** Reads everything, and throws for nothing that the operator can mend. */
export function readConfig({ env, directory, files = [] }: ConfigInput): ConfigReading {
  const findings = new Findings();
  const envFile = readEnvFile(directory, findings);
  const source = sourceOf(env, envFile);
  const inFiles = Object.keys(SECTIONS).filter((section) => !VARIABLES_ONLY.includes(section));
  const known = [...new Set([...inFiles.map(keyOf), ...Object.keys(COMPONENT_KINDS), 'service'])];
  const used = new Set<string>();
  const variable = (name: string) => {
    used.add(name);
    return source.values[name];
  };
  const root = readFiles({ files, directory, variable, known, findings });
  tellUnknownNames({ file: envFile, used, findings });
  const receivers = givenInReceivers(root, findings);
  const keysOf = (section: string) => {
    if (section === 'receivers') return ['receivers', [...receivers.ids.keys()][0] ?? 'otlp'];
    return inFiles.includes(section) ? [keyOf(section)] : undefined;
  };
  const givenIn = (section: string, schema: z.ZodObject) => {
    if (section === 'receivers') return receivers.given;
    return inFiles.includes(section) ? givenInSection(keyOf(section), schema, root, findings) : NONE;
  };
  const sections = Object.entries(SECTIONS).map(([section, schema]) => {
    const given = givenIn(section, schema);
    return [section, readSection({ schema, keys: keysOf(section), source, given, findings })] as const;
  });
  const data = sections.map(([section, read]) => [section, read.data]);
  const read = Object.fromEntries(data) as Partial<Sections>;
  const stores = read.process?.mode !== 'forward';
  if (!stores) tellOfForward(read, findings);
  const parts = readServiceParts({ root, receivers: receivers.ids, stores, findings });
  const settings = sections.flatMap(([, read]) => read.settings);
  const sound = findings.faults.length === 0;
  return {
    config: sound ? (Object.freeze({ ...read, service: serviceOf(parts) }) as Config) : undefined,
    faults: findings.faults,
    warnings: findings.warnings,
    values: valuesOf(settings, parts),
    print: () => printConfig({ settings, ...parts, schemaOf }),
  };
}

function valuesOf(settings: EffectiveSetting[], { components, pipelines }: ReadServiceParts): Map<string, string> {
  const values = new Map(settings.map(({ path: keys, text }) => [keys.join('.'), text ?? '']));
  for (const [kind, listed] of Object.entries(components)) {
    for (const { id, type, parsed } of listed) values.set(`${kind}.${id}`, JSON.stringify([type, parsed.input]));
  }
  for (const { id, receivers, processors, exporters } of pipelines) {
    values.set(`service.pipelines.${id}`, JSON.stringify([receivers, processors, exporters]));
  }
  return values;
}

/** Whether it is of the exporters, of what is in front of them, or of where pipelines lead: by its name among the values. */
export function isOfExporters(name: string): boolean {
  if (/^(exporters|processors|service\.pipelines|exporting)\./.test(name)) return true;
  const schemas: Record<string, z.ZodObject> = SECTIONS;
  return VARIABLES_ONLY.some((section) => {
    return fieldsOfSection(schemas[section]!).some(([field, type]) => metaOf(type, field).env === name);
  });
}

function schemaOf(kind: string, type: string): z.ZodObject {
  const kinds: Record<string, ComponentKind> = COMPONENT_KINDS;
  return kinds[kind]!.types[type]!.settings;
}

/** CONFIG_INVALID with one line for each fault. */
export function configFaults(faults: readonly string[]): GatewayError {
  return new GatewayError(
    'CONFIG_INVALID',
    `The configuration has ${faults.length} fault(s):\n  ${faults.join('\n  ')}`,
  );
}

/** Throws CONFIG_INVALID with one line for each fault. */
export function loadConfig(input: ConfigInput): Config {
  const { config, faults } = readConfig(input);
  if (!config) throw configFaults(faults);
  return config;
}
