/** Writes batches of one trace each into a directory until it is killed or refused, and tells what was committed. */
import { openSqliteWriter } from '../../../src/store/telemetry/sqlite/writer.js';
import { generationSpan } from '../../helpers/generations.js';
import { decodedFrame, recordSource } from '../../helpers/records.js';

const [directory = '', spansPerTrace = '10', wordsPerSpan = '0'] = process.argv.slice(2);
const writer = await openSqliteWriter({
  engine: 'sqlite',
  directory,
  writer: 0,
  blockMaxSpans: 1_000_000,
  blockMaxBytes: 2 ** 31,
});
const source = recordSource(1);

/** Words that no other span has, and one to be found by. */
function spanWithWords(batch: number) {
  const words = Array.from({ length: Number(wordsPerSpan) }, (_, at) => `w${batch}x${at}`);
  return generationSpan(source, { searchText: [`batch${batch}`, ...words].join(' ') });
}

for (let sequence = 1; ; sequence++) {
  const spans = wordsPerSpan === '0' ? source.trace(Number(spansPerTrace)) : [spanWithWords(sequence)];
  const range = { first: sequence, last: sequence };
  try {
    await writer.write({ bufferId: 'child', range, frames: [decodedFrame(sequence, { spans })] });
  } catch (error) {
    process.stdout.write(`refused ${sequence} ${(error as { code?: string }).code}\n`);
    process.exit(0);
  }
  process.stdout.write(`committed ${sequence}\n`);
  // Without this the pipe would fill only when the loop ends, which it never does.
  await new Promise((resolve) => setImmediate(resolve));
}
