/** One of several writers of a directory, in a process of its own: writes a batch for each message, and tells when it is committed. */
import { openSqliteWriter } from '../../../src/store/telemetry/sqlite/writer.js';
import { generationSpan } from '../../helpers/generations.js';
import { decodedFrame, recordSource } from '../../helpers/records.js';

export interface RacingSpan {
  /** Hex. */
  traceId: string;
  responseId: string;
  sessionId: string;
}

export interface RacingBatch {
  sequence: number;
  spans: RacingSpan[];
}

const [directory = '', number = '0'] = process.argv.slice(2);
const source = recordSource(Number(number) + 1);
const writer = await openSqliteWriter({
  engine: 'sqlite',
  directory,
  writer: Number(number),
  blockMaxSpans: 1_000_000,
  blockMaxBytes: 2 ** 31,
});

function spanOf({ traceId, responseId, sessionId }: RacingSpan) {
  return generationSpan(source, { responseId, sessionId }, { traceId: Buffer.from(traceId, 'hex') });
}

async function write({ sequence, spans }: RacingBatch): Promise<void> {
  const frame = decodedFrame(sequence, { spans: spans.map(spanOf) });
  await writer.write({ bufferId: 'racing', range: { first: sequence, last: sequence }, frames: [frame] });
  process.send!('committed');
}

process.on('message', (batch: RacingBatch) => void write(batch));
process.send!('ready');
