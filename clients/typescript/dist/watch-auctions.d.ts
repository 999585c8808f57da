import type { Connection } from "./connection.js";
import { type AuctionPartsFragment, type AuctionStatus } from "./generated/operations.js";
/** An auction's state, as the subscription selects it. */
export type Auction = AuctionPartsFragment;
/**
 * One auction (each of its states), some (1 to 100), or those of a status (the first 100; one that
 * comes to the status is added, one that leaves it is yielded once more). Of several, each is
 * yielded at most four times a second.
 */
export type WhichAuctions = {
    readonly id: string;
} | {
    readonly ids: readonly string[];
} | {
    readonly status: AuctionStatus;
};
/** When a watcher ends. */
export interface WatchAuctionsOptions {
    /** Ends the iteration. */
    readonly signal?: AbortSignal;
}
/** Yields the states of auctions as they change, until all have ended. */
export declare function watchAuctions(connection: Connection, which: WhichAuctions, options?: WatchAuctionsOptions): AsyncIterableIterator<Auction>;
