/** Waits between attempts: they double from 250 ms to 5 s, and differ between clients. */
const FIRST_MS = 250;
const MAX_MS = 5_000;

/**
 * How long to wait before attempt number `attempt` (the first is 0); `random` is from 0 to 1. Half
 * of the wait is random, so that clients that lost a server together do not come back together.
 */
export function backoffMs(attempt: number, random: number): number {
  const full = Math.min(FIRST_MS * 2 ** Math.min(attempt, 20), MAX_MS);
  return full / 2 + (full / 2) * random;
}
