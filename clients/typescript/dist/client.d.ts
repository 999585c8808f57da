import type { ConnectionState, Transport } from "./connection-state.js";
import { type BidToPlace, type PlaceBidOptions, type PlaceBidResult } from "./place-bid.js";
import { ServerClock } from "./time.js";
import { type TokenFunction } from "./token.js";
import type { TypedDocument } from "./typed-document.js";
import { type Auction, type WatchAuctionsOptions, type WhichAuctions } from "./watch-auctions.js";
import { type WatchBidsOptions, type WatchedBid } from "./watch-bids.js";
/** How a client reaches a service. */
export interface GavelClientOptions {
    /** The URL of /graphql; several for the nodes of a cluster, tried in turn when one is lost. */
    readonly url: string | readonly string[];
    /** Returns a valid token: called at first, and before each expiry. Absent: an anonymous watcher. */
    readonly token?: TokenFunction;
    /** `auto` (the default) falls back to server-sent events where WebSocket is blocked. */
    readonly transport?: Transport;
    /** The class of `ws`, where there is no global WebSocket (Node before 22). */
    readonly webSocket?: unknown;
    readonly fetch?: typeof globalThis.fetch;
    /** Called whenever the connection for subscriptions changes its state. */
    readonly onState?: (state: ConnectionState) => void;
}
/** How one request is sent. */
export interface QueryOptions {
    readonly timeoutMs?: number;
    readonly signal?: AbortSignal;
}
/** A client of a Gavel service. Queries and mutations go over HTTP, subscriptions over one socket. */
export declare class GavelClient {
    #private;
    private readonly options;
    /** The server's clock, for countdowns. */
    readonly clock: ServerClock;
    constructor(options: GavelClientOptions);
    /** What the connection for subscriptions does. */
    get state(): ConnectionState;
    /** Runs a query or mutation; throws a `GavelError` if it has errors. */
    query<R, V>(document: TypedDocument<R, V>, variables: V, options?: QueryOptions): Promise<R>;
    /**
     * Yields each bid of an auction once and in order, whatever becomes of the connection; ends when
     * the auction has ended.
     */
    watchBids(auctionId: string, options?: WatchBidsOptions): AsyncIterableIterator<WatchedBid>;
    /**
     * Yields the state of each of these auctions, now and when it changes, until all have ended. A
     * slow loop sees the latest states.
     */
    watchAuctions(which: WhichAuctions, options?: WatchAuctionsOptions): AsyncIterableIterator<Auction>;
    /** Places a bid once, however often it has to be sent until there is an answer. */
    placeBid(bid: BidToPlace, options?: PlaceBidOptions): Promise<PlaceBidResult>;
    /** Asks for a new token now, and shows it to the service; subscriptions continue. */
    renewToken(): Promise<void>;
    /** To be called when the device woke up or found a network: a lost connection is noticed at once. */
    wake(): void;
    /** Ends the connection; what is watched ends too. */
    close(): void;
}
