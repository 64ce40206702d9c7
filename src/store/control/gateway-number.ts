/** This gateway's number among those that share the database, as long as it runs. */
import type { Component } from '../../component.js';
import { GatewayError } from '../../errors.js';
import type { ControlStore } from './store.js';

/** Well within the hour after which a gateway that is not seen loses its number. */
const REFRESH_MS = 600_000;

/** Started after the control store and the buffer. */
export interface GatewayNumber extends Component {
  /** 0 to 63. Throws SHUTTING_DOWN before the start and after the shutdown. */
  number(): number;
}

export interface GatewayNumberOptions {
  control: Pick<ControlStore, 'gateways' | 'idempotencyKeys'>;
  /** Known once the buffer has started. */
  bufferId(): string;
  /** Milliseconds since the epoch. */
  now?: () => number;
  refreshMs?: number;
}

export function createGatewayNumber(options: GatewayNumberOptions): GatewayNumber {
  const { control, bufferId, now = Date.now, refreshMs = REFRESH_MS } = options;
  let claimed: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  const claim = async () => {
    const number = await control.gateways.claim(bufferId(), now());
    if (timer) claimed = number;
  };
  /** Of all gateways each does it: what one has dropped, the others don't find. */
  const refresh = () => Promise.allSettled([claim(), control.idempotencyKeys.forget(now())]);
  return {
    name: 'gateway-number',
    number() {
      if (claimed === undefined) throw new GatewayError('SHUTTING_DOWN', 'This gateway has no number');
      return claimed;
    },
    async start() {
      // What fails is tried again: the number is good for an hour.
      timer ??= setInterval(() => void refresh(), refreshMs).unref();
      try {
        await claim();
      } catch (error) {
        await this.shutdown({ deadlineMs: 0 });
        throw error;
      }
    },
    async shutdown() {
      clearInterval(timer);
      timer = undefined;
      claimed = undefined;
    },
  };
}
