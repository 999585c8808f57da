import type { Connection } from "./connection.js";
import { type WatchBidsSubscription } from "./generated/operations.js";
/** An accepted bid, as the subscription selects it. */
export type Bid = WatchBidsSubscription["bidCreated"];
/** A bid as it was delivered to this client. */
export interface WatchedBid extends Bid {
    /** Whether it comes from history: it was placed before this client was connected. */
    readonly isReplayed: boolean;
    /** When it arrived, by this device's clock, in milliseconds since 1970. */
    readonly arrivedAt: number;
}
/** Where a watcher starts, and when it ends. */
export interface WatchBidsOptions {
    /** The last sequence that you have: bids after it are replayed. Absent: from now on. */
    readonly after?: number;
    /** Ends the iteration. */
    readonly signal?: AbortSignal;
    /** Bids that may wait for a slow loop; above it they are left at the service, and read later. */
    readonly queueMax?: number;
    /** Called when the subscription is sent again, with the sequence from which it resumes. */
    readonly onResume?: (after: number) => void;
}
/** What a watcher of bids needs. */
export interface WatchBidsParts {
    readonly connection: Connection;
    readonly localNow: () => number;
    /** The number of an auction's last bid. */
    readonly sequenceOf: (auctionId: string, signal?: AbortSignal) => Promise<number>;
}
/** Yields each bid of an auction once and in order, until the auction has ended. */
export declare function watchBids(parts: WatchBidsParts, auctionId: string, options?: WatchBidsOptions): AsyncIterableIterator<WatchedBid>;
/** Where a bid's time went, in milliseconds; `undefined` where a stamp is missing. */
export interface Hops {
    /** From the client that placed it to the service, by that client's clock. */
    readonly request: number | undefined;
    /** In the service, until its transaction was sealed. */
    readonly lane: number;
    /** The transaction and the stream. */
    readonly store: number | undefined;
    /** From the stream to the watchers' broker. */
    readonly relay: number | undefined;
    /** From the broker to this client, by the server's clock. */
    readonly deliver: number | undefined;
}
/** The hops of a bid that arrived at `arrivedAt` by the server's clock. */
export declare function hopsOf(bid: Bid, arrivedAt: number | undefined): Hops;
