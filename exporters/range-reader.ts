/** From the buffer: what a range holds for one exporter, as it may be sent. */
import { MIN_FRAME_BYTES } from '../src/buffer/frame.js';
import { type DamagedFrame, readPayloads } from '../src/buffer/reader.js';
import type { Frame, FrameRange, Signal } from '../src/component.js';
import type { Part } from './batch.js';
import { bufferOf } from './buffer-view.js';
import type { Chooser, Tell } from './chooser.js';
import type { ExporterEvents } from './events.js';
import type { Letters } from './letters.js';
import { type Transcode, Transcoder } from './transcoding.js';

export interface RangeReaderOptions {
  exporter: string;
  /** What goes out by it: frames of other signals are passed by. */
  signals: readonly Signal[];
  /** What of each range goes out; without one, everything. */
  chooser: Chooser | undefined;
  toProtobuf: Transcode;
  letters: Letters;
  events: Pick<ExporterEvents, 'unusable'>;
}

/** To read a range, once. */
export interface Reading {
  /** Large enough for the range. */
  memory: Buffer;
  signal: AbortSignal;
  tell: Tell;
}

export class RangeReader {
  readonly #options: RangeReaderOptions;
  readonly #transcoder: Transcoder;

  constructor(options: RangeReaderOptions) {
    this.#options = options;
    this.#transcoder = new Transcoder(options.toProtobuf);
  }

  /** False for what was given up, and for what stays in the buffer, being undecided when a shutdown begins. */
  async isReady({ lastSequence }: FrameRange, signals: readonly AbortSignal[]): Promise<boolean> {
    const { chooser } = this.#options;
    return chooser?.ready ? chooser.ready(lastSequence, signals) : true;
  }

  /**
   * Views of the memory, and payloads made anew. undefined when the range was given up meanwhile: its place may hold other
   * frames by now. Rejects for what may be otherwise the next time.
   */
  async partsOf(range: FrameRange, { memory, signal, tell }: Reading): Promise<Part[] | undefined> {
    const frames = await readPayloads(range, memory);
    if (signal.aborted) return undefined;
    const parts = await this.#toParts(frames, signal);
    const { chooser } = this.#options;
    const chosen = chooser === undefined || parts.length === 0 ? parts : await chooser.choose(parts, signal, tell);
    return signal.aborted ? undefined : chosen;
  }

  async #toParts(frames: Iterable<Frame | DamagedFrame>, abort: AbortSignal): Promise<Part[]> {
    const parts: Part[] = [];
    for (const frame of frames) {
      if ('damaged' in frame) this.#damaged(frame);
      else if (frame.payload.length > 0 && frame.items > 0 && this.#options.signals.includes(frame.signal)) {
        const part = await this.#toPart(frame, abort);
        if (part) parts.push(part);
      }
    }
    return parts;
  }

  /** undefined for what can't be read, which is among the dead letters then. Rejects where its thread is lost or busy. */
  async #toPart(frame: Frame, abort: AbortSignal): Promise<Part | undefined> {
    const { sequence, signal, encoding, workspace, items, receivedTimeUnixMs, payload } = frame;
    const part = { sequence, piece: '', signal, workspace, items, receivedTimeUnixMs, payload };
    if (encoding === 'protobuf') return part;
    const made = await this.#transcoder.transcode(frame);
    if (made.payload !== undefined) return { ...part, payload: bufferOf(made.payload) };
    const { exporter, letters, events } = this.#options;
    const reason = `it can't be read as OTLP/JSON: ${made.reason}`;
    if (await letters.add({ ...part, encoding }, reason, abort)) {
      events.unusable({ exporter, frames: 1, buried: 1, reason });
    }
    return undefined;
  }

  #damaged({ reason, firstSequence: first, lastSequence: last, bytes }: DamagedFrame): void {
    const { exporter, events } = this.#options;
    // Sequences are passed over after a crash: there were no more frames than bytes have room for.
    const frames = Math.min(last - first + 1, Math.max(1, Math.floor(bytes.length / MIN_FRAME_BYTES)));
    events.unusable({ exporter, frames, buried: 0, reason, damaged: { first, last } });
  }
}
