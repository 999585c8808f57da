import { GavelError } from "./errors.js";
import { WatchAuctionDocument, WatchAuctionsDocument, } from "./generated/operations.js";
import { resubscribeAfterMs } from "./retry.js";
/** Yields the states of auctions as they change, until all have ended. */
export function watchAuctions(connection, which, options = {}) {
    return new AuctionsWatcher(connection, which, options);
}
function payloadOf(which) {
    const { name, text } = "id" in which ? WatchAuctionDocument : WatchAuctionsDocument;
    const variables = "id" in which ? { auctionId: which.id } : which;
    return { query: text, operationName: name, variables };
}
function statesOf(data) {
    const found = data;
    return "auctionUpdated" in found ? [found.auctionUpdated] : found.auctionsUpdated;
}
/**
 * The latest state of each auction that was not yet taken: a slow loop skips states in between, so
 * that no more than one per auction waits. A state never follows a later one.
 */
class AuctionsWatcher {
    connection;
    which;
    #states = new Map();
    #versions = new Map();
    #signal;
    #stop = () => { };
    #failures = 0;
    #waiting = [];
    #end;
    constructor(connection, which, { signal }) {
        this.connection = connection;
        this.which = which;
        this.#signal = signal;
        signal?.addEventListener("abort", this.#aborted);
        const isNone = "ids" in which && which.ids.length === 0;
        if (signal?.aborted || isNone)
            this.#finish({});
        else
            this.#subscribe();
    }
    next() {
        for (const [id, value] of this.#states) {
            this.#states.delete(id);
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
        this.#states.clear();
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
        this.#stop();
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
    #subscribe() {
        this.#stop = this.connection.subscribe(payloadOf(this.which), {
            next: ({ data, errors }) => {
                if (errors)
                    return this.#failed(GavelError.from(errors));
                this.#failures = 0;
                for (const state of statesOf(data))
                    this.#arrived(state);
            },
            error: (errors) => this.#failed(GavelError.from(errors)),
            complete: () => this.#finish({}),
            // The first events of the next subscription bring everything again.
            lost: () => {
                if (!this.#end)
                    this.#subscribe();
            },
        });
    }
    #failed(error) {
        this.#stop();
        if (this.#end)
            return;
        const ms = resubscribeAfterMs(error, this.#failures, Math.random());
        if (ms === undefined)
            return this.#finish({ error });
        this.#failures += 1;
        const timer = setTimeout(() => this.#subscribe(), ms);
        this.#stop = () => clearTimeout(timer);
    }
    #arrived(state) {
        if (this.#end || state.version < (this.#versions.get(state.id) ?? 0))
            return;
        this.#versions.set(state.id, state.version);
        const waiting = this.#waiting.shift();
        if (waiting)
            waiting.resolve({ value: state, done: false });
        else
            this.#states.set(state.id, state);
    }
}
