/**
 * Joins the settings that components declare, and reads them: from the environment, and from `.env` in the working
 * folder for what the environment doesn't set. The only reader of process.env. Every fault is reported at once, each
 * with its name, its line and what was expected; then the start fails.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'dotenv';
import { z } from 'zod';
import { receiverSettings } from '../receivers/otlp/config.js';
import { workerSettings } from '../workers/config.js';
import { accessSettings } from './access/config.js';
import { apiSettings } from './api/config.js';
import { bufferSettings } from './buffer/config.js';
import { GatewayError } from './errors.js';
import { limitSettings } from './limits/config.js';
import { loggingSettings } from './observability/config.js';
import { registrySettings } from './registry/config.js';
import { milliseconds, type SettingMeta } from './setting.js';
import { storeSettings } from './store/config.js';

const processSettings = z.object({
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
  logging: loggingSettings,
  process: processSettings,
} as const;

export type Config = { readonly [Section in keyof typeof SECTIONS]: Readonly<z.infer<(typeof SECTIONS)[Section]>> };

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

/** Every setting of every component; one that several components share is listed where it comes first. */
export function listSettings(): Setting[] {
  const seen = new Set<string>();
  return Object.entries(SECTIONS).flatMap(([section, schema]) =>
    Object.entries(schema.shape as Record<string, z.ZodType>)
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

function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(substituted, previous[j]! + 1, row[j - 1]! + 1));
    }
    previous = row;
  }
  return previous[b.length]!;
}

/** The known name that a mistyped one most likely means, at most three letters away. */
function nearest(name: string, known: readonly string[]): string | undefined {
  const ranked = known.map((candidate) => ({ candidate, away: distance(name, candidate) }));
  ranked.sort((a, b) => a.away - b.away);
  return ranked[0] && ranked[0].away <= 3 ? ranked[0].candidate : undefined;
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

function readEnvFile(directory: string): { values: Record<string, string>; text: string } {
  const file = path.join(directory, '.env');
  if (!existsSync(file)) return { values: {}, text: '' };
  const text = readFileSync(file, 'utf8');
  return { values: parse(text), text };
}

/** Names that other programs read from a shared `.env`. */
const FOREIGN = /^(OTEL|NODE|NPM|npm|DOCKER|COMPOSE|POSTGRES|PG|AWS|GITHUB|REDIS|TZ$|LANG|LC_)/;

function unknownNames(file: { values: Record<string, string>; text: string }, known: readonly string[]): string[] {
  return Object.keys(file.values)
    .filter((name) => !known.includes(name) && !FOREIGN.test(name))
    .map((name) => {
      const meant = nearest(name, known);
      return `${name} (.env:${lineOf(file.text, name)}) is not a setting${meant ? `; did you mean ${meant}?` : ''}`;
    });
}

function sourceOf(env: NodeJS.ProcessEnv, file: { values: Record<string, string>; text: string }): Source {
  const set = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const environment = Object.fromEntries(set);
  return {
    values: { ...file.values, ...environment },
    place: (name) => (name in environment ? 'environment' : `.env:${lineOf(file.text, name)}`),
  };
}

/** An empty value means «not set», as it does for every OpenTelemetry SDK. */
function pick(schema: z.ZodObject, source: Source): Record<string, string | undefined> {
  const fields = Object.entries(schema.shape as Record<string, z.ZodType>);
  return Object.fromEntries(
    fields.map(([field, type]) => [field, source.values[metaOf(type, field).env]?.trim() || undefined]),
  );
}

function faultsOf(error: z.ZodError, schema: z.ZodObject, source: Source): string[] {
  return error.issues.map((issue) => {
    const type = (schema.shape as Record<string, z.ZodType>)[String(issue.path[0])]!;
    const { env, secret } = metaOf(type, String(issue.path[0]));
    const value = secret ? '(hidden)' : JSON.stringify(source.values[env] ?? '');
    return `${env}=${value} (${source.place(env)}): ${issue.message}`;
  });
}

export interface ConfigInput {
  env: NodeJS.ProcessEnv;
  /** The folder whose `.env` is read, and that relative paths start from. */
  directory: string;
}

/** Throws CONFIG_INVALID with one line for each fault. */
export function loadConfig({ env, directory }: ConfigInput): Config {
  const file = readEnvFile(directory);
  const source = sourceOf(env, file);
  const faults = unknownNames(
    file,
    listSettings().map((setting) => setting.env),
  );
  const sections = Object.entries(SECTIONS).map(([name, schema]) => {
    const parsed = schema.safeParse(pick(schema, source));
    if (!parsed.success) faults.push(...faultsOf(parsed.error, schema, source));
    return [name, Object.freeze(parsed.data)];
  });
  if (faults.length > 0) {
    throw new GatewayError(
      'CONFIG_INVALID',
      `The configuration has ${faults.length} fault(s):\n  ${faults.join('\n  ')}`,
    );
  }
  return Object.freeze(Object.fromEntries(sections)) as Config;
}
