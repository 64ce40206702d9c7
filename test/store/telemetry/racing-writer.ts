/** One of several writers of a directory, in a process of its own: writes a batch for each message, and tells when it is committed. */
import type { DecodedFrame } from '../../../src/model/telemetry.js';
import { openSqliteWriter } from '../../../src/store/telemetry/sqlite/writer.js';
import { generationLog, generationSpan } from '../../helpers/generations.js';
import { decodedFrame, recordSource } from '../../helpers/records.js';

export interface RacingSighting {
  /** Hex; '' for a native log that names no trace. */
  traceId: string;
  responseId: string;
  sessionId: string;
}

export interface RacingBatch {
  sequence: number;
  sightings: RacingSighting[];
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

function recordsOf(sightings: RacingSighting[]): Partial<DecodedFrame> {
  const spans = sightings.filter(({ traceId }) => traceId !== '');
  const logs = sightings.filter(({ traceId }) => traceId === '');
  return {
    spans: spans.map(({ traceId, ...of }) => generationSpan(source, of, { traceId: Buffer.from(traceId, 'hex') })),
    logRecords: logs.map(({ traceId: _, ...of }) => generationLog(source, of, { traceId: undefined })),
  };
}

async function write({ sequence, sightings }: RacingBatch): Promise<void> {
  const frame = decodedFrame(sequence, recordsOf(sightings));
  await writer.write({ bufferId: 'racing', range: { first: sequence, last: sequence }, frames: [frame] });
  process.send!('committed');
}

process.on('message', (batch: RacingBatch) => void write(batch));
process.send!('ready');
