import { BoundedQueue } from "./bounded-queue.js";
import { Cursor } from "./cursor.js";
import { GavelError } from "./errors.js";
import { WatchBidsDocument } from "./generated/operations.js";
import { parseTime } from "./time.js";
import { resubscribeAfterMs } from "./retry.js";
const QUEUE_MAX = 1_000;
/** Yields each bid of an auction once and in order, until the auction has ended. */
export function watchBids(parts, auctionId, options = {}) {
    return new BidWatcher(parts, auctionId, options).queue;
}
class BidWatcher {
    parts;
    auctionId;
    options;
    queue;
    #cursor = new Cursor(0);
    #unsubscribe;
    #timer;
    #failures = 0;
    #isPaused = false;
    /** Told apart from those of earlier subscriptions, which may still arrive. */
    #generation = 0;
    constructor(parts, auctionId, options) {
        this.parts = parts;
        this.auctionId = auctionId;
        this.options = options;
        const stop = () => void this.queue.return();
        this.queue = new BoundedQueue(options.queueMax ?? QUEUE_MAX, {
            drained: () => this.#resume(),
            left: () => {
                options.signal?.removeEventListener("abort", stop);
                this.#end();
            },
        });
        options.signal?.addEventListener("abort", stop);
        if (options.signal?.aborted)
            stop();
        else
            void this.#begin();
    }
    async #begin() {
        try {
            // "From now on" is made a number first: else bids would be missed if the first connection is
            // lost.
            const { after, signal } = this.options;
            this.#cursor.last = after ?? (await this.parts.sequenceOf(this.auctionId, signal));
            if (!this.queue.isEnded)
                this.#subscribe();
        }
        catch (error) {
            this.queue.end({ error });
        }
    }
    #end() {
        this.#generation += 1;
        clearTimeout(this.#timer);
        this.#unsubscribe?.();
        this.#unsubscribe = undefined;
    }
    #again() {
        this.#end();
        if (this.queue.isEnded)
            return;
        this.options.onResume?.(this.#cursor.last);
        this.#subscribe();
    }
    /** The loop has caught up. */
    #resume() {
        if (!this.#isPaused)
            return;
        this.#isPaused = false;
        this.#again();
    }
    #subscribe() {
        this.#generation += 1;
        const generation = this.#generation;
        const isCurrent = () => generation === this.#generation;
        const variables = { auctionId: this.auctionId, after: this.#cursor.last };
        const { name: operationName, text: query } = WatchBidsDocument;
        this.#unsubscribe = this.parts.connection.subscribe({ query, operationName, variables }, {
            next: ({ data, errors, extensions }) => {
                if (!isCurrent())
                    return;
                if (errors)
                    return this.#failed(GavelError.from(errors));
                this.#arrived(data.bidCreated, extensions?.["replay"] === true);
            },
            error: (errors) => {
                if (isCurrent())
                    this.#failed(GavelError.from(errors));
            },
            complete: () => {
                if (!isCurrent())
                    return;
                this.#end();
                this.queue.end();
            },
            lost: () => {
                if (isCurrent())
                    this.#again();
            },
        });
    }
    #arrived(bid, isReplayed) {
        const arrival = this.#cursor.take(bid.sequence);
        if (arrival === "repeated")
            return;
        // Never sent by the service; if it were, the missing bids are read.
        if (arrival === "gap")
            return this.#again();
        this.#failures = 0;
        this.queue.put({ ...bid, isReplayed, arrivedAt: this.parts.localNow() });
        if (!this.queue.isFull)
            return;
        this.#isPaused = true;
        this.#end();
    }
    #failed(error) {
        this.#end();
        const ms = resubscribeAfterMs(error, this.#failures, Math.random());
        if (ms === undefined)
            return this.queue.end({ error });
        this.#failures += 1;
        this.#timer = setTimeout(() => this.#again(), ms);
    }
}
/** The hops of a bid that arrived at `arrivedAt` by the server's clock. */
export function hopsOf(bid, arrivedAt) {
    const { sentAt, receivedAt, writtenAt, readAt, publishedAt } = bid.timing;
    const [received, written] = [parseTime(receivedAt), parseTime(writtenAt)];
    const between = (from, to) => from === null || to === undefined ? undefined : Math.max(0, to - parseTime(from));
    const read = readAt === null ? undefined : parseTime(readAt);
    return {
        request: between(sentAt, received),
        lane: Math.max(0, written - received),
        store: read === undefined ? undefined : Math.max(0, read - written),
        relay: between(readAt, publishedAt === null ? undefined : parseTime(publishedAt)),
        deliver: between(publishedAt, arrivedAt),
    };
}
