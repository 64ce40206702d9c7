import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import { listSettings } from '../../src/config.js';
import { filesIn, ROOT, readYaml, textOf, yamlFiles } from './files.js';
import { COMPOSE_FILES, composeServices } from './gateways.js';

const settings = listSettings();

describe.each(yamlFiles)('%s', (file) => {
  it('is YAML, without a fault or a doubt', () => expect(readYaml(file).faults).toEqual([]));
});

describe.each([...filesIn('deploy'), 'Dockerfile'])('%s', (file) => {
  it('names no file of the repository that is not there', () => {
    const named = textOf(file).match(/(?<![\w/])(deploy|dist\/src)\/[\w./*-]*\w/g) ?? [];
    const sources = named
      .map((name) => name.replace(/^dist\/(.*)\.js$/, '$1.ts'))
      .filter((name) => !name.includes('*'));
    expect(sources.filter((name) => !existsSync(path.join(ROOT, name)))).toEqual([]);
  });

  it('names no script of package.json that is not there', () => {
    const scripts = [...textOf(file).matchAll(/npm run ([\w:-]+)/g)].map(([, name]) => name!);
    expect(scripts.filter((name) => !(name in manifest.scripts))).toEqual([]);
  });
});

it('the file of the service names settings, each of which there is', () => {
  const names = [...textOf('deploy/systemd/promptmetrics.env').matchAll(/^#?([A-Z_]+)=/gm)].map(([, name]) => name!);
  expect(names.length).toBeGreaterThan(5);
  expect(names.filter((name) => !settings.some(({ env }) => env === name))).toEqual([]);
});

describe('images', () => {
  const images = COMPOSE_FILES.flatMap((file) => Object.values(composeServices(file)).map(({ image }) => image));
  const bases = [...textOf('Dockerfile').matchAll(/^FROM (\S+)/gm)].map(([, image]) => image!);

  it.each([...new Set([...images, ...bases])])('%s is one version, not the one of the day', (image) => {
    expect(image).toMatch(/:\d+\.\d+\.?\d*(-\w+)*$/);
  });

  it('the image opens the ports that the gateway listens on by default', () => {
    const exposed = /^EXPOSE (.+)$/m.exec(textOf('Dockerfile'))![1]!.split(' ');
    const defaults = ['PORT', 'OTLP_GRPC_PORT', 'OTLP_HTTP_PORT'].map(
      (name) => settings.find(({ env }) => env === name)!.defaultText,
    );
    expect(exposed).toEqual(defaults);
  });

  it('the chart runs the version of this repository', () => {
    const [chart] = readYaml('deploy/helm/promptmetrics/Chart.yaml').documents as [Record<string, string>];
    expect(chart.appVersion).toBe(manifest.version);
  });
});

describe('the chart', () => {
  const [values] = readYaml('deploy/helm/promptmetrics/values.yaml').documents as [Record<string, unknown>];
  const schema = JSON.parse(textOf('deploy/helm/promptmetrics/values.schema.json')) as {
    properties: Record<string, { properties?: Record<string, unknown> }>;
  };

  it('has a schema for each value, and a value for each schema', () => {
    const { global, ...properties } = schema.properties;
    expect(Object.keys(properties).sort()).toEqual(Object.keys(values).sort());
    for (const [name, { properties: inner }] of Object.entries(properties)) {
      if (inner) expect(Object.keys(inner).sort(), name).toEqual(Object.keys(values[name] as object).sort());
    }
  });

  it('uses no value that it does not have', () => {
    const templates = filesIn('deploy/helm/promptmetrics/templates').map(textOf).join('\n');
    const used = [...templates.matchAll(/\.Values\.(\w+)(?:\.(\w+))?/g)];
    for (const [text, name, inner] of used) {
      expect(values, text).toHaveProperty(name!);
      const given = values[name!];
      const open = name === 'settings' || name === 'secretSettings';
      if (inner && !open) expect(given, text).toHaveProperty(inner);
    }
    expect(new Set(used.map(([, name]) => name)).size).toBe(Object.keys(values).length);
  });
});
