/** How long a list may look for its page, and how long for the number beside it. */

/**
 * A list answers with what it has found by then, and with the place that it has looked to: a rare filter takes its client
 * several pages, each of them soon, in place of one that comes late or never.
 */
export const PAGE_BUDGET_MS = 1000;

/** A count that takes longer tells what it has seen. */
export const COUNT_BUDGET_MS = 250;
