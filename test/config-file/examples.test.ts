import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config.js';
import { createGateway } from '../../src/gateway.js';
import { fencedBlocks } from '../helpers/documents.js';
import { read } from './fixture.js';

const folder = fileURLToPath(new URL('../../deploy/examples', import.meta.url));
const files = readdirSync(folder).filter((name) => /\.ya?ml$/.test(name));

describe('the examples', () => {
  it('are there', () => expect(files).toContain('gateway.yaml'));

  it.each(files)('%s is valid, and without a warning', (name) => {
    const { config, faults, warnings } = readConfig({ env: {}, directory: tmpdir(), files: [`${folder}/${name}`] });
    expect([faults, warnings]).toEqual([[], []]);
    // Creating does no I/O, and holds settings against each other.
    expect(() => createGateway(config!)).not.toThrow();
  });
});

it('the examples may be laid over each other', () => {
  const named = ['gateway.yaml', 'tempo-and-jaeger.yaml'].map((name) => `${folder}/${name}`);
  const { config, faults, warnings } = readConfig({ env: {}, directory: tmpdir(), files: named });
  expect([faults, warnings]).toEqual([[], []]);
  expect(config!.service.pipelines[0]!.exporters).toEqual(['store', 'tempo', 'jaeger']);
  expect(config!.buffer.maxBytes).toBe(2 ** 32);
});

it('the files in the documents are valid, and without a warning', () => {
  const blocks = fencedBlocks('yaml');
  expect(blocks.length).toBeGreaterThan(0);
  for (const block of blocks) {
    const { config, faults, warnings } = read(block, { ARCHIVE_TOKEN: 't' });
    expect([faults, warnings]).toEqual([[], []]);
    expect(() => createGateway(config!)).not.toThrow();
  }
});
