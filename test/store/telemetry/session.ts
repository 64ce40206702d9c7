import { afterEach } from 'vitest';
import type { SequenceRange } from '../../../src/component.js';
import type { DecodedFrame } from '../../../src/model/telemetry.js';
import type { Page } from '../../../src/store/page.js';
import type { TelemetryStore, TraceQuery, TraceSummary } from '../../../src/store/telemetry/telemetry.js';
import { decodedFrame } from '../../helpers/records.js';
import type { MakeStore, MakeStoreOptions, StoreUnderTest } from './store-under-test.js';

export const BUFFER = 'b0ffe2b0ffe2b0ffe2b0ffe2b0ffe2aa';

/** The writes of one test: frames are numbered on from 1. */
export class Session {
  private sequence = 0;

  constructor(readonly target: StoreUnderTest) {}

  get store(): TelemetryStore {
    return this.target.store;
  }

  frame(records: Partial<DecodedFrame>): DecodedFrame {
    return decodedFrame(++this.sequence, records);
  }

  async write(frames: DecodedFrame[], { writer = 0, range }: { writer?: number; range?: SequenceRange } = {}) {
    const covered = range ?? { first: frames[0]!.sequence, last: frames.at(-1)!.sequence };
    return (await this.target.writer(writer)).write({ bufferId: BUFFER, range: covered, frames });
  }

  /** One batch of one frame. */
  async writeOne(records: Partial<DecodedFrame>, writer = 0): Promise<DecodedFrame> {
    const frame = this.frame(records);
    await this.write([frame], { writer });
    return frame;
  }

  async spansOf(traceId: Uint8Array, workspace = 'default') {
    return (await this.store.getTrace(workspace, traceId))?.spans ?? [];
  }

  async traces(query: Partial<TraceQuery> = {}): Promise<Page<TraceSummary>> {
    return this.store.listTraces({ workspace: 'default', limit: 100, ...query });
  }

  async names(query: Partial<TraceQuery> = {}): Promise<string[]> {
    return (await this.traces(query)).items.map((trace) => trace.name);
  }
}

export type OpenSession<Opened extends Session = Session> = (options?: MakeStoreOptions) => Promise<Opened>;

/** Opens sessions, each over a store of its own that is removed after the test. */
export function sessionOpener<Opened extends Session>(
  makeStore: MakeStore,
  Kind: new (target: StoreUnderTest) => Opened,
): OpenSession<Opened> {
  const opened: StoreUnderTest[] = [];
  afterEach(async () => {
    for (const target of opened.splice(0)) await target.dispose();
  });
  return async (options) => {
    const target = await makeStore(options);
    opened.push(target);
    return new Kind(target);
  };
}
