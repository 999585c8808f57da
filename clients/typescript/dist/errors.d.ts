/** An error of a GraphQL response. */
export interface GraphQLErrorLike {
    readonly message: string;
    readonly extensions?: Readonly<Record<string, unknown>> | undefined;
}
/** An error that the service answered with, or that kept its answer from arriving. */
export declare class GavelError extends Error {
    /** A code of docs/ERRORS.md, or NETWORK if there was no usable answer. */
    readonly code: string;
    /** How long to wait before another attempt, if the service said so. */
    readonly retryAfterMs?: number | undefined;
    readonly name: string;
    constructor(
    /** A code of docs/ERRORS.md, or NETWORK if there was no usable answer. */
    code: string, message: string, 
    /** How long to wait before another attempt, if the service said so. */
    retryAfterMs?: number | undefined, options?: ErrorOptions);
    /** Whether the same request may succeed later. */
    get isRetryable(): boolean;
    /** The error of a response's `errors`. */
    static from(errors: readonly GraphQLErrorLike[]): GavelError;
}
/** It is unknown whether a bid was written: send it again with the same key. */
export declare class OutcomeUnknownError extends GavelError {
    /** The key to send the bid again with. */
    readonly idempotencyKey: string;
    readonly name = "OutcomeUnknownError";
    constructor(
    /** The key to send the bid again with. */
    idempotencyKey: string, options?: ErrorOptions);
}
