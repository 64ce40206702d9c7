/** What a limit says of one request. Times count from now, so that nobody's clock is compared with another's. */
export interface Allowance {
  allowed: boolean;
  /** Requests in a window. */
  limit: number;
  /** What is left of them. */
  remaining: number;
  /** Until the whole window is free again, if nothing more comes. */
  resetAfterMs: number;
  /** Until the next request is let through; 0 when this one is. */
  retryAfterMs: number;
}
