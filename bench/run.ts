/**
 * `npm run bench [-- --all] [-- --seconds 8] [-- case …]`: measures, and prints one table. Load and gateway share this
 * machine's processors; a figure stands beside others of the same run only.
 */
import { parseArgs } from 'node:util';
import { CASES } from './cases.js';
import { describeMachine } from './machine.js';
import { formatTable, type Row } from './table.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    all: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '8' },
    seed: { type: 'string', default: '1' },
    list: { type: 'boolean', default: false },
  },
});

const chosen = CASES.filter((one) =>
  positionals.length > 0 ? positionals.some((name) => one.name.startsWith(name)) : values.all || !one.long,
);
if (values.list) {
  process.stdout.write(`${CASES.map((one) => one.name + (one.long ? ' (long)' : '')).join('\n')}\n`);
} else {
  const rows: Row[] = [];
  for (const one of chosen) {
    process.stderr.write(`${one.name} …\n`);
    rows.push(...(await one.run({ seconds: Number(values.seconds), seed: Number(values.seed) })));
  }
  process.stdout.write(`${describeMachine()}\n\n${formatTable(rows)}\n`);
}
