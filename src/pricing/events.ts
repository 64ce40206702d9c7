/** What happens to prices that an operator wants to know. */
export interface PricingEvents {
  /** Own prices could not be read: those that are known go on being good. */
  refreshFailed(error: unknown): void;
  repricingBegun(id: number, workspace: string): void;
  repricingEnded(
    id: number,
    outcome: { status: 'done' | 'failed'; examined: number; changed: number; error?: unknown },
  ): void;
  /** A step failed, or the control store did: tried again. */
  repricingDelayed(error: unknown): void;
}

export const nopPricingEvents: PricingEvents = {
  refreshFailed() {},
  repricingBegun() {},
  repricingEnded() {},
  repricingDelayed() {},
};
