import { GavelError } from "./errors.js";
import { WatchAuctionDocument } from "./generated/operations.js";
import { resubscribeAfterMs } from "./retry.js";
/** Yields the states of auctions as they change, until all have ended. */
export function watchAuctions(connection, ids, options = {}) {
    return new AuctionsWatcher(connection, new Set(ids), options);
}
/**
 * The latest state of each auction that was not yet taken: a slow loop skips states in between, so
 * that no more than one per auction waits. A state never follows a later one.
 */
class AuctionsWatcher {
    connection;
    #waitingStates = new Map();
    #versions = new Map();
    #stops = new Map();
    #signal;
    #waiting = [];
    #end;
    constructor(connection, ids, { signal }) {
        this.connection = connection;
        this.#signal = signal;
        signal?.addEventListener("abort", this.#aborted);
        if (signal?.aborted || ids.size === 0)
            this.#finish({});
        else
            for (const id of ids)
                this.#subscribe(id, 0);
    }
    next() {
        for (const [id, value] of this.#waitingStates) {
            this.#waitingStates.delete(id);
            return Promise.resolve({ value, done: false });
        }
        if (this.#end) {
            const end = this.#end;
            this.#end = {};
            if ("error" in end)
                return Promise.reject(end.error);
            return Promise.resolve({ value: undefined, done: true });
        }
        return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
    }
    return() {
        this.#waitingStates.clear();
        this.#finish({});
        return Promise.resolve({ value: undefined, done: true });
    }
    [Symbol.asyncIterator]() {
        return this;
    }
    #aborted = () => void this.return();
    #finish(end) {
        if (this.#end)
            return;
        this.#end = end;
        this.#signal?.removeEventListener("abort", this.#aborted);
        for (const stop of this.#stops.values())
            stop();
        this.#stops.clear();
        const [first, ...others] = this.#waiting.splice(0);
        if (!first)
            return;
        this.#end = {};
        if ("error" in end)
            first.reject(end.error);
        for (const one of "error" in end ? others : [first, ...others]) {
            one.resolve({ value: undefined, done: true });
        }
    }
    #subscribe(id, failures) {
        const { name: operationName, text: query } = WatchAuctionDocument;
        let failed = failures;
        const failure = (error) => {
            const ms = resubscribeAfterMs(error, failed, Math.random());
            this.#stops.get(id)?.();
            if (ms === undefined)
                return this.#finish({ error });
            const timer = setTimeout(() => this.#subscribe(id, failed + 1), ms);
            this.#stops.set(id, () => clearTimeout(timer));
        };
        const stop = this.connection.subscribe({ query, operationName, variables: { auctionId: id } }, {
            next: ({ data, errors }) => {
                if (errors)
                    return failure(GavelError.from(errors));
                failed = 0;
                this.#arrived(data.auctionUpdated);
            },
            error: (errors) => failure(GavelError.from(errors)),
            complete: () => {
                this.#stops.delete(id);
                if (this.#stops.size === 0)
                    this.#finish({});
            },
            lost: () => {
                if (!this.#end)
                    this.#subscribe(id, failed);
            },
        });
        this.#stops.set(id, stop);
    }
    #arrived(state) {
        if (this.#end || state.version < (this.#versions.get(state.id) ?? 0))
            return;
        this.#versions.set(state.id, state.version);
        const waiting = this.#waiting.shift();
        if (waiting)
            waiting.resolve({ value: state, done: false });
        else
            this.#waitingStates.set(state.id, state);
    }
}
