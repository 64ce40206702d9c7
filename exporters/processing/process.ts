/** The steps of one exporter over what a range holds of one signal. For worker threads. */
import type { Signal } from '../../src/component.js';
import { WireError } from '../../src/otlp/wire.js';
import { bufferOf } from '../buffer-view.js';
import type { Passage } from '../chooser.js';
import type { Edit } from '../wire-fields.js';
import { compileAttributes } from './attributes.js';
import { compileFilter } from './filter.js';
import { bounded } from './patterns.js';
import { compileSampling } from './sampling.js';
import type { Step } from './steps.js';
import { type Editor, walk } from './walk.js';

/** The operation of the pool: a ProcessTask in, Processed out. */
export const PROCESS = 'process';

export interface ProcessTask {
  signal: Signal;
  steps: readonly Step[];
  parts: readonly UnprocessedPart[];
  /** Their payloads, one behind the other. */
  payloads: Uint8Array<ArrayBuffer>;
}

export interface UnprocessedPart {
  workspace: string;
  items: number;
  bytes: number;
}

export interface Processed {
  /** What goes on of each part; undefined for nothing. */
  parts: readonly (ProcessedPart | undefined)[];
  /** Payloads of what goes on, one behind the other. */
  payloads: Uint8Array<ArrayBuffer>;
  /** Items that came to each processor, and that it let pass, by its id. */
  passages: Readonly<Record<string, Passed>>;
  /** Patterns that took too long: nothing matched them from then on. */
  slowPatterns: readonly string[];
}

type Passed = Pick<Passage, 'incoming' | 'outgoing'>;

export interface ProcessedPart {
  items: number;
  bytes: number;
  /** Why it can't be read: it is as it was, and nothing that may be sent. */
  unreadable?: string;
}

interface Compiled {
  processor: string;
  editor: Editor;
}

function editorOf(step: Step): Editor {
  if (step.kind === 'attributes') return compileAttributes(step);
  if (step.kind === 'sample') return { item: compileSampling(step) };
  const keeps = compileFilter(step);
  return { item: (item) => (keeps(item) ? 'same' : 'gone') };
}

class Run {
  readonly #steps: readonly Compiled[];
  readonly parts: (ProcessedPart | undefined)[] = [];
  readonly payloads: Buffer[] = [];
  readonly passages: Record<string, Passed> = {};

  constructor(
    private readonly signal: Signal,
    steps: readonly Step[],
  ) {
    this.#steps = steps.map((step) => ({ processor: step.processor, editor: editorOf(step) }));
  }

  add(part: UnprocessedPart, payload: Buffer): void {
    try {
      this.keep(this.processed(part, payload));
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.keep({ items: part.items, payload, unreadable: error.message });
    }
  }

  private processed({ workspace, items }: UnprocessedPart, whole: Buffer): Kept | undefined {
    let payload = whole;
    let left = items;
    for (const { processor, editor } of this.#steps) {
      const { edit, gone } = walk(this.signal, payload, workspace, editor);
      this.count(processor, left, left - gone);
      left -= gone;
      if (edit === 'gone' || left <= 0) return undefined;
      payload = applied(edit, payload);
    }
    return { items: left, payload };
  }

  private count(processor: string, incoming: number, outgoing: number): void {
    const before = this.passages[processor] ?? { incoming: 0, outgoing: 0 };
    this.passages[processor] = { incoming: before.incoming + incoming, outgoing: before.outgoing + outgoing };
  }

  private keep(kept: Kept | undefined): void {
    if (kept === undefined) this.parts.push(undefined);
    else {
      const { payload, ...part } = kept;
      this.parts.push({ ...part, bytes: payload.length });
      this.payloads.push(payload);
    }
  }
}

interface Kept extends Omit<ProcessedPart, 'bytes'> {
  payload: Buffer;
}

function applied(edit: Exclude<Edit, 'gone'>, payload: Buffer): Buffer {
  return edit === 'same' ? payload : Buffer.concat(edit);
}

export function processParts({ signal, steps, parts, payloads }: ProcessTask): Processed {
  const memory = bufferOf(payloads);
  const { result, slow } = bounded(() => {
    const run = new Run(signal, steps);
    let at = 0;
    for (const part of parts) {
      run.add(part, memory.subarray(at, at + part.bytes));
      at += part.bytes;
    }
    return run;
  });
  return { parts: result.parts, payloads: joined(result.payloads), passages: result.passages, slowPatterns: slow };
}

/** In memory of its own, which can be handed over. */
function joined(payloads: readonly Buffer[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(payloads.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const payload of payloads) {
    whole.set(payload, at);
    at += payload.length;
  }
  return whole;
}
