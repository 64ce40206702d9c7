/** What goes to the dead letters of an exporter. */
import type { Encoding, Signal } from '../src/component.js';
import { Batch, type Part } from './batch.js';
import type { OwnFaults } from './own-faults.js';

/** What a backend refused for good, or what can't be read, as the dead letters keep it. */
export interface RefusedLetter {
  exporter: string;
  bufferId: string;
  sequence: number;
  /** Of the last frame in it: those of its signal and workspace that stand between are in it, too. */
  lastSequence: number;
  piece: string;
  reason: string;
  frame: { signal: Signal; encoding: Encoding; workspace: string; items: number; receivedTimeUnixMs: number };
  payload: Uint8Array;
  /** It is as it was received: what processors leave out is in it. */
  isUnprocessed?: boolean;
}

/** Whole frames, or a piece of one. */
export interface Enclosed extends Part {
  /** protobuf by default. */
  encoding?: Encoding;
  /** Where there are several frames in it. */
  lastSequence?: number;
}

type Envelope = Pick<RefusedLetter, 'exporter' | 'bufferId' | 'reason'>;

export function letterOf(enclosed: Enclosed, envelope: Envelope): RefusedLetter {
  const { sequence, lastSequence = sequence, piece, payload, ...described } = enclosed;
  const { signal, encoding = 'protobuf', workspace, items, receivedTimeUnixMs } = described;
  const frame = { signal, encoding, workspace, items, receivedTimeUnixMs };
  return { ...envelope, sequence, lastSequence, piece, frame, payload };
}

export interface LettersOptions {
  exporter: string;
  buffer: { readonly id: string };
  /** Resolves when it is on disk; adding the same again replaces it. */
  bury(letter: RefusedLetter): Promise<void>;
  faults: OwnFaults;
}

export class Letters {
  readonly #options: LettersOptions;

  constructor(options: LettersOptions) {
    this.#options = options;
  }

  /** One for each workspace in it. False when it was given up before they were on disk. */
  async addBatch(batch: Batch, reason: string, signal: AbortSignal): Promise<boolean> {
    for (const own of byWorkspace(batch)) {
      const lastSequence = own.parts.at(-1)!.sequence;
      const enclosed = { ...own.parts[0]!, lastSequence, items: own.items, payload: own.payload() };
      if (!(await this.add(enclosed, reason, signal))) return false;
    }
    return true;
  }

  /** False when it was given up before it was on disk. */
  async add(enclosed: Enclosed, reason: string, signal: AbortSignal): Promise<boolean> {
    const { exporter, buffer, bury, faults } = this.#options;
    const letter = letterOf(enclosed, { exporter, bufferId: buffer.id, reason });
    while (!signal.aborted) {
      try {
        await bury(letter);
        return true;
      } catch (error) {
        await faults.wait(error, signal);
      }
    }
    return false;
  }
}

function byWorkspace({ parts }: Batch): Batch[] {
  const groups = new Map<string, Part[]>();
  for (const part of parts) {
    const group = groups.get(part.workspace);
    if (group) group.push(part);
    else groups.set(part.workspace, [part]);
  }
  return [...groups.values()].map((group) => new Batch(group));
}
