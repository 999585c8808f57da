import type { GraphQLErrorLike } from "./errors.js";
/** An operation as it is sent. */
export interface Payload {
    readonly query: string;
    readonly operationName?: string;
    readonly variables?: unknown;
}
/** A result of an operation. */
export interface Result {
    readonly data?: unknown;
    readonly errors?: readonly GraphQLErrorLike[];
    readonly extensions?: Readonly<Record<string, unknown>>;
}
/** What becomes of a subscription. After any of `error`, `complete` and `lost` nothing follows. */
export interface Sink {
    next(result: Result): void;
    /** The service ended it with errors. */
    error(errors: readonly GraphQLErrorLike[]): void;
    complete(): void;
    /** The connection is gone: subscribe again to go on. */
    lost(): void;
}
/** How subscriptions reach the service. */
export type Via = "socket" | "stream";
/** One connection to the service, from its acknowledgement until it is lost. */
export interface Link {
    readonly via: Via;
    /** Subscribes, and returns what ends the subscription. */
    subscribe(payload: Payload, sink: Sink): () => void;
    /** Shows the service a new token of the same user. Rejects if it is refused. */
    renew(token: string): Promise<void>;
    /** Asks for a sign of life, and loses the connection if none comes in this time. */
    check(withinMs: number): void;
    close(): void;
}
/** Why a connection ended, or was not made. */
export interface Loss {
    readonly code?: number;
    readonly reason: string;
    /** The token was refused: another attempt with it is of no use. */
    readonly isRefused: boolean;
}
/** What a link reports. */
export interface LinkEvents {
    lost(loss: Loss): void;
    /** The token ends in this time. */
    tokenEnds(inMs: number): void;
    /** The server's time, between two moments of `localNow`. */
    serverTime(asked: number, server: string, answered: number): void;
}
