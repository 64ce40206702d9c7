import { setTimeout as sleep } from 'node:timers/promises';

/** Until no consumer lags by more than so many requests: under a load that goes on there are always some. */
export async function untilDelivered({ api }: { api: string }, requests = 0): Promise<void> {
  for (;;) {
    const text = await (await fetch(`${api}/metrics`)).text();
    const lags = [...text.matchAll(/^promptmetrics_buffer_consumer_lag_frames\{[^}]*\} (\S+)$/gm)];
    if (lags.every(([, lag]) => Number(lag) <= requests)) return;
    await sleep(20);
  }
}
