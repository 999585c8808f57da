/**
 * What arrived and was not yet taken, in order. It never drops anything by itself: whoever puts
 * looks at `isFull`, and stops what feeds it.
 */
export class BoundedQueue {
    max;
    events;
    #items = [];
    #taken = 0;
    #waiting = [];
    #failing = [];
    #end;
    constructor(max, events = {}) {
        this.max = max;
        this.events = events;
    }
    get isFull() {
        return this.#items.length - this.#taken >= this.max;
    }
    get isEnded() {
        return this.#end !== undefined;
    }
    put(item) {
        if (this.#end)
            return;
        const waiting = this.#waiting.shift();
        this.#failing.shift();
        if (waiting)
            waiting({ value: item, done: false });
        else
            this.#items.push(item);
    }
    /** Ends it, after what is queued; with an error if one is given. */
    end(end = {}) {
        if (this.#end)
            return;
        this.#end = end;
        const [waiting, failing] = [this.#waiting, this.#failing];
        [this.#waiting, this.#failing] = [[], []];
        for (const [n, resolve] of waiting.entries()) {
            if ("error" in end && n === 0)
                failing[n]?.(end.error);
            else
                resolve({ value: undefined, done: true });
        }
        if (waiting.length > 0)
            this.#end = {};
    }
    next() {
        if (this.#taken < this.#items.length) {
            const item = this.#items[this.#taken];
            this.#taken += 1;
            if (this.#taken === this.#items.length) {
                this.#items = [];
                this.#taken = 0;
                this.events.drained?.();
            }
            else if (this.#taken >= this.max) {
                this.#items.splice(0, this.#taken);
                this.#taken = 0;
            }
            return Promise.resolve({ value: item, done: false });
        }
        if (this.#end) {
            const end = this.#end;
            this.#end = {};
            return "error" in end ? Promise.reject(end.error) : Promise.resolve({ value: undefined, done: true });
        }
        return new Promise((resolve, reject) => {
            this.#waiting.push(resolve);
            this.#failing.push(reject);
        });
    }
    return() {
        this.#items = [];
        this.#taken = 0;
        this.end();
        this.events.left?.();
        return Promise.resolve({ value: undefined, done: true });
    }
    [Symbol.asyncIterator]() {
        return this;
    }
}
