/** What the check of a request has found. */
export interface CheckResult {
  /** Spans, log records or data points. */
  accepted: number;
  rejected: number;
  /** For the developer who sent it, in English: how many were rejected, by reason. Empty when none was; below 1 KiB. */
  message: string;
  /** The body itself when nothing was rejected, else a copy without the rejected items, all other bytes preserved. */
  payload: Uint8Array;
}
