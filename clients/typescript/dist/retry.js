import { backoffMs } from "./backoff.js";
/**
 * How long to wait before a subscription that ended with an error is sent again; `undefined` if the
 * error is for its owner. `failures` counts errors since the last result.
 */
export function resubscribeAfterMs(error, failures, random) {
    if (!error.isRetryable)
        return undefined;
    if (error.code === "SLOW_CONSUMER" && failures === 0)
        return 0;
    return Math.max(error.retryAfterMs ?? 0, backoffMs(failures, random));
}
