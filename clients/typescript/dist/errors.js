/** Codes after which the same request may succeed; docs/ERRORS.md has all codes. */
const RETRYABLE = new Set([
    "CONTENTION",
    "OUTCOME_UNKNOWN",
    "STORE_UNAVAILABLE",
    "OVERLOADED",
    "RATE_LIMITED",
    "SLOW_CONSUMER",
]);
/** An error that the service answered with, or that kept its answer from arriving. */
export class GavelError extends Error {
    code;
    retryAfterMs;
    name = "GavelError";
    constructor(
    /** A code of docs/ERRORS.md, or NETWORK if there was no usable answer. */
    code, message, 
    /** How long to wait before another attempt, if the service said so. */
    retryAfterMs, options) {
        super(message, options);
        this.code = code;
        this.retryAfterMs = retryAfterMs;
    }
    /** Whether the same request may succeed later. */
    get isRetryable() {
        return this.code === "NETWORK" || RETRYABLE.has(this.code);
    }
    /** The error of a response's `errors`. */
    static from(errors) {
        const [first] = errors;
        const { code, retryAfterMs } = first?.extensions ?? {};
        return new GavelError(typeof code === "string" ? code : "INTERNAL", first?.message ?? "an error without a message", typeof retryAfterMs === "number" ? retryAfterMs : undefined);
    }
}
/** It is unknown whether a bid was written: send it again with the same key. */
export class OutcomeUnknownError extends GavelError {
    idempotencyKey;
    name = "OutcomeUnknownError";
    constructor(
    /** The key to send the bid again with. */
    idempotencyKey, options) {
        super("OUTCOME_UNKNOWN", "it is unknown whether the bid was accepted", undefined, options);
        this.idempotencyKey = idempotencyKey;
    }
}
