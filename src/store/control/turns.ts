import { GatewayError } from '../../errors.js';

/** Lets one holder in at a time, in the order of asking; one that waits too long is refused with STORE_UNAVAILABLE. */
export class Turns {
  private held = false;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly maxWaitMs: number) {}

  take(): Promise<void> {
    if (!this.held) {
      this.held = true;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const enter = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.waiting.splice(this.waiting.indexOf(enter), 1);
        reject(new GatewayError('STORE_UNAVAILABLE', `A transaction kept others waiting for ${this.maxWaitMs} ms`));
      }, this.maxWaitMs);
      this.waiting.push(enter);
    });
  }

  give(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.held = false;
  }
}
