import type { Appended, Appender, FrameInput } from '../../src/component.js';
import type { GatewayError } from '../../src/errors.js';

/** Takes everything and keeps nothing. */
export const nopAppender: Appender = { append: async () => ({ sequence: 1 }) };

export interface SinkAppender extends Appender {
  readonly frames: FrameInput[];
}

/** Keeps every frame. */
export function createSinkAppender(): SinkAppender {
  const frames: FrameInput[] = [];
  return {
    frames,
    async append(frame): Promise<Appended> {
      frames.push(frame);
      return { sequence: frames.length };
    },
  };
}

/** Refuses every frame with this error. */
export function createErrAppender(error: GatewayError | Error): Appender {
  return { append: () => Promise.reject(error) };
}

export interface HeldAppender extends SinkAppender {
  /** Frames that wait to be acknowledged. */
  readonly waiting: number;
  /** Resolves when that many frames wait. */
  arrived(frames: number): Promise<void>;
  /** Acknowledges all that wait. */
  release(): void;
}

/** Acknowledges when told to. */
export function createHeldAppender(): HeldAppender {
  const frames: FrameInput[] = [];
  let held: ((appended: Appended) => void)[] = [];
  let onArrival = () => {};
  return {
    frames,
    get waiting() {
      return held.length;
    },
    append(frame) {
      frames.push(frame);
      return new Promise((resolve) => {
        held.push(resolve);
        onArrival();
      });
    },
    arrived(count) {
      return new Promise((resolve) => {
        onArrival = () => held.length >= count && resolve();
        onArrival();
      });
    },
    release() {
      for (const resolve of held) resolve({ sequence: 1 });
      held = [];
    },
  };
}
