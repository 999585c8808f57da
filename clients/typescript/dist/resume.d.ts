/**
 * Bids once and in order with other clients: urql, Relay, Apollo Client, each with graphql-ws.
 *
 * graphql-ws comes back by itself after a lost connection, and then sends the variables of the
 * first time. Those hold the cursor: an old one brings bids twice, none at all misses some. Here
 * `after` is a getter, which returns the last sequence that came. The subscription needs a variable
 * `after`, and `sequence` among the fields that it selects.
 */
/** A result of an operation. */
export interface ResultLike {
    readonly data?: unknown;
    readonly errors?: unknown;
}
/** An operation, as graphql-ws takes it. */
export interface PayloadLike {
    query: string;
    operationName?: string | null;
    variables?: Record<string, unknown> | null;
}
/** What becomes of an operation. */
export interface SinkLike {
    next(result: ResultLike): void;
    error(error: unknown): void;
    complete(): void;
}
/** What is used of a client of graphql-ws. */
export interface GraphqlWsClientLike {
    subscribe(payload: PayloadLike, sink: SinkLike): () => void;
}
/** Variables to subscribe with, and `note`, which is to be called with each result. */
export declare function resuming<V extends object>(variables: V): {
    variables: V;
    note: (result: ResultLike) => void;
};
/** Whether an operation ended because its client read too slowly: it is to be sent again. */
export declare function isSlowConsumer(error: unknown): boolean;
/** Subscribes with a graphql-ws client; returns what ends it. For urql and Relay. */
export declare function subscribe(client: GraphqlWsClientLike, payload: PayloadLike, sink: SinkLike): () => void;
/**
 * Options of graphql-ws's `createClient` for a client that comes back after everything that can
 * pass. A refused token cannot: the close event (code 4403) is what the operation fails with.
 */
export declare function comesBack(token?: () => string | Promise<string>): {
    retryAttempts: number;
    shouldRetry: (event: unknown) => boolean;
    connectionParams?: () => Promise<{
        authorization: string;
    }>;
};
