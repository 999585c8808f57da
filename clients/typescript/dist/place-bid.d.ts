import { GavelError } from "./errors.js";
import { type PlaceBidMutation } from "./generated/operations.js";
import type { Result, Payload } from "./link.js";
/** A bid to be placed. */
export interface BidToPlace {
    readonly auctionId: string;
    /** In minor units of the auction's currency, as a string of digits. */
    readonly amount: string;
    /** A key of your own, to repeat a bid that an earlier program may have sent. */
    readonly idempotencyKey?: string;
}
/** The answer to a bid: `BidAccepted` or `BidRejected`, by `__typename`. */
export type PlaceBidResult = PlaceBidMutation["placeBid"];
/** How long to try. */
export interface PlaceBidOptions {
    /** Until when attempts are begun, from now. */
    readonly withinMs?: number;
    /** How long one attempt may take. */
    readonly attemptMs?: number;
    /** Ends the attempts; the outcome may then be unknown. */
    readonly signal?: AbortSignal;
}
/** The attempts so far. */
export interface Attempted {
    readonly attempts: number;
    /** Whether one of them may have written the bid. */
    readonly isUnknown: boolean;
}
/** What to do after an attempt that failed. */
export type NextStep = {
    readonly repeatAfterMs: number;
} | {
    readonly fail: "error" | "unknown";
};
/** Whether the bid may be written, after one more attempt that failed. */
export declare function isUnknownAfter({ isUnknown }: Attempted, error: GavelError): boolean;
/** What to do after a failed attempt, with `leftMs` until no attempt is to be begun. */
export declare function afterFailure(attempted: Attempted, error: GavelError, leftMs: number, random: number): NextStep;
/** What placing a bid needs. */
export interface PlaceBidParts {
    readonly send: (payload: Payload, options: {
        timeoutMs: number;
        signal?: AbortSignal;
    }) => Promise<Result>;
    readonly localNow: () => number;
    readonly serverNow: () => number;
}
/**
 * Places a bid once, however often it has to be sent. Throws `OutcomeUnknownError`, with the key,
 * if the time ran out before an answer came.
 */
export declare function placeBid(parts: PlaceBidParts, bid: BidToPlace, options?: PlaceBidOptions): Promise<PlaceBidResult>;
/** 128 random bits; `crypto.randomUUID` exists only on pages served over HTTPS. */
export declare function randomKey(): string;
