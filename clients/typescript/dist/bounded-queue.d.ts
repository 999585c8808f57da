/** What the feeder of a queue learns. */
export interface QueueEvents {
    /** The last item was taken. */
    readonly drained?: () => void;
    /** The consumer has left. */
    readonly left?: () => void;
}
/**
 * What arrived and was not yet taken, in order. It never drops anything by itself: whoever puts
 * looks at `isFull`, and stops what feeds it.
 */
export declare class BoundedQueue<T> implements AsyncIterableIterator<T, undefined> {
    #private;
    private readonly max;
    private readonly events;
    constructor(max: number, events?: QueueEvents);
    get isFull(): boolean;
    get isEnded(): boolean;
    put(item: T): void;
    /** Ends it, after what is queued; with an error if one is given. */
    end(end?: {
        error?: unknown;
    }): void;
    next(): Promise<IteratorResult<T, undefined>>;
    return(): Promise<IteratorResult<T, undefined>>;
    [Symbol.asyncIterator](): this;
}
