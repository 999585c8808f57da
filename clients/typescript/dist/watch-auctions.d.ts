import type { Connection } from "./connection.js";
import { type AuctionPartsFragment } from "./generated/operations.js";
/** An auction's state, as the subscription selects it. */
export type Auction = AuctionPartsFragment;
/** When a watcher ends. */
export interface WatchAuctionsOptions {
    /** Ends the iteration. */
    readonly signal?: AbortSignal;
}
/** Yields the states of auctions as they change, until all have ended. */
export declare function watchAuctions(connection: Connection, ids: readonly string[], options?: WatchAuctionsOptions): AsyncIterableIterator<Auction>;
