/**
 * The result, or `instead` once the signal is aborted: a store that doesn't answer holds no shutdown. What it may still
 * commit, its ledger tells the next start.
 */
export function unlessAborted<Result>(work: Promise<Result>, signal: AbortSignal, instead: Result): Promise<Result> {
  if (signal.aborted) return Promise.resolve(instead);
  return new Promise((resolve, reject) => {
    const giveUp = () => resolve(instead);
    signal.addEventListener('abort', giveUp, { once: true });
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}
