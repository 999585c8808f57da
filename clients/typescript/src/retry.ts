import { backoffMs } from "./backoff.js";
import type { GavelError } from "./errors.js";

/**
 * How long to wait before a subscription that ended with an error is sent again; `undefined` if the
 * error is for its owner. `failures` counts errors since the last result.
 */
export function resubscribeAfterMs(error: GavelError, failures: number, random: number): number | undefined {
  if (!error.isRetryable) return undefined;
  if (error.code === "SLOW_CONSUMER" && failures === 0) return 0;
  return Math.max(error.retryAfterMs ?? 0, backoffMs(failures, random));
}
