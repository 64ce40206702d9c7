/**
 * `npm run bench -- [--all] [--seconds 8] [--outage 600] [--beside otelcol] [--write docs/performance.md] [case …]`: measures, and prints one table, or writes it
 * between the marks of a document. Load and gateway share this machine's processors; a figure stands beside others of the
 * same run only.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Case } from './case.js';
import { CASES } from './cases.js';
import { besideCollectorCase } from './forward-cases.js';
import { describeMachine } from './machine.js';
import { formatTable, type Row } from './table.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    all: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '8' },
    seed: { type: 'string', default: '1' },
    list: { type: 'boolean', default: false },
    write: { type: 'string' },
    outage: { type: 'string' },
    beside: { type: 'string' },
  },
});

const MARKED = /<!-- bench -->.*<!-- \/bench -->/s;

function publish(text: string, file: string): void {
  const document = readFileSync(file, 'utf8');
  if (!MARKED.test(document)) throw new Error(`${file} has no <!-- bench --> … <!-- /bench -->`);
  writeFileSync(
    file,
    document.replace(MARKED, () => `<!-- bench -->\n${text}\n<!-- /bench -->`),
  );
}

const BESIDE: Readonly<Record<string, Case>> = { otelcol: besideCollectorCase };

function chooseCases(): readonly Case[] {
  if (values.beside !== undefined) {
    const beside = BESIDE[values.beside];
    if (!beside) throw new Error(`--beside takes ${Object.keys(BESIDE).join(', ')}`);
    return [beside];
  }
  const isChosen = (one: Case) =>
    positionals.length > 0 ? positionals.some((name) => one.name.startsWith(name)) : values.all || !one.long;
  return CASES.filter(isChosen);
}

const machine = describeMachine();
const chosen = chooseCases();
const options = {
  seconds: Number(values.seconds),
  seed: Number(values.seed),
  ...(values.outage !== undefined && { outageSeconds: Number(values.outage) }),
};
if (values.list) {
  process.stdout.write(`${CASES.map((one) => one.name + (one.long ? ' (long)' : '')).join('\n')}\n`);
} else {
  const rows: Row[] = [];
  for (const one of chosen) {
    process.stderr.write(`${one.name} …\n`);
    rows.push(...(await one.run(options)));
  }
  const text = `${machine}\n\n${formatTable(rows)}`;
  process.stdout.write(`${text}\n`);
  if (values.write) publish(text, values.write);
}
