import { backoffMs } from "./backoff.js";
import { GavelError, OutcomeUnknownError } from "./errors.js";
import { PlaceBidDocument } from "./generated/operations.js";
import { formatTime } from "./time.js";
const WITHIN_MS = 30_000;
const ATTEMPT_MS = 10_000;
/** Codes after which this attempt wrote nothing: what is unknown stays unknown. */
const WROTE_NOTHING = new Set(["OVERLOADED", "RATE_LIMITED", "UNAUTHENTICATED"]);
/** Codes after which there is no bid under the key, whatever became of earlier attempts. */
const RESOLVES = new Set(["CONTENTION", "STORE_UNAVAILABLE"]);
/** Whether the bid may be written, after one more attempt that failed. */
export function isUnknownAfter({ isUnknown }, error) {
    if (RESOLVES.has(error.code))
        return false;
    if (error.code === "NETWORK" || error.code === "OUTCOME_UNKNOWN" || error.code === "INTERNAL")
        return true;
    if (WROTE_NOTHING.has(error.code))
        return isUnknown;
    // The others are said by an attempt that looked at the request: a key that names another bid, say.
    return isUnknown;
}
/** What to do after a failed attempt, with `leftMs` until no attempt is to be begun. */
export function afterFailure(attempted, error, leftMs, random) {
    const isUnknown = isUnknownAfter(attempted, error);
    const repeatAfterMs = Math.max(error.retryAfterMs ?? 0, backoffMs(attempted.attempts, random));
    if ((error.isRetryable || error.code === "INTERNAL") && repeatAfterMs < leftMs)
        return { repeatAfterMs };
    return { fail: isUnknown ? "unknown" : "error" };
}
/**
 * Places a bid once, however often it has to be sent. Throws `OutcomeUnknownError`, with the key,
 * if the time ran out before an answer came.
 */
export async function placeBid(parts, bid, options = {}) {
    const { withinMs = WITHIN_MS, attemptMs = ATTEMPT_MS, signal } = options;
    const idempotencyKey = bid.idempotencyKey ?? randomKey();
    const until = parts.localNow() + withinMs;
    const sentAt = formatTime(parts.serverNow());
    signal?.throwIfAborted();
    const input = { auctionId: bid.auctionId, amount: bid.amount, idempotencyKey, sentAt };
    const { name: operationName, text: query } = PlaceBidDocument;
    let attempted = { attempts: 0, isUnknown: false };
    for (;;) {
        try {
            const sent = parts.send({ query, operationName, variables: { input } }, { timeoutMs: attemptMs, ...(signal && { signal }) });
            const { data, errors } = await sent;
            if (errors?.length)
                throw GavelError.from(errors);
            return data.placeBid;
        }
        catch (error) {
            if (!(error instanceof GavelError)) {
                // Given up by the caller, in the middle of an attempt.
                if (signal?.aborted)
                    throw new OutcomeUnknownError(idempotencyKey, { cause: error });
                throw error;
            }
            const next = afterFailure(attempted, error, until - parts.localNow(), Math.random());
            if ("fail" in next) {
                throw next.fail === "unknown" ? new OutcomeUnknownError(idempotencyKey, { cause: error }) : error;
            }
            attempted = { attempts: attempted.attempts + 1, isUnknown: isUnknownAfter(attempted, error) };
            await sleep(next.repeatAfterMs, signal);
        }
    }
}
/** 128 random bits; `crypto.randomUUID` exists only on pages served over HTTPS. */
export function randomKey() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
function sleep(ms, signal) {
    return new Promise((resolve) => {
        const timer = setTimeout(done, ms);
        signal?.addEventListener("abort", done);
        function done() {
            clearTimeout(timer);
            signal?.removeEventListener("abort", done);
            resolve();
        }
    });
}
