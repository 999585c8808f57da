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
export class BoundedQueue<T> implements AsyncIterableIterator<T, undefined> {
  #items: T[] = [];
  #taken = 0;
  #waiting: ((result: IteratorResult<T, undefined>) => void)[] = [];
  #failing: ((error: unknown) => void)[] = [];
  #end: { error?: unknown } | undefined;

  constructor(
    private readonly max: number,
    private readonly events: QueueEvents = {},
  ) {}

  get isFull(): boolean {
    return this.#items.length - this.#taken >= this.max;
  }

  get isEnded(): boolean {
    return this.#end !== undefined;
  }

  put(item: T): void {
    if (this.#end) return;
    const waiting = this.#waiting.shift();
    this.#failing.shift();
    if (waiting) waiting({ value: item, done: false });
    else this.#items.push(item);
  }

  /** Ends it, after what is queued; with an error if one is given. */
  end(end: { error?: unknown } = {}): void {
    if (this.#end) return;
    this.#end = end;
    const [waiting, failing] = [this.#waiting, this.#failing];
    [this.#waiting, this.#failing] = [[], []];
    for (const [n, resolve] of waiting.entries()) {
      if ("error" in end && n === 0) failing[n]?.(end.error);
      else resolve({ value: undefined, done: true });
    }
    if (waiting.length > 0) this.#end = {};
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#taken < this.#items.length) {
      const item = this.#items[this.#taken] as T;
      this.#taken += 1;
      if (this.#taken === this.#items.length) {
        this.#items = [];
        this.#taken = 0;
        this.events.drained?.();
      } else if (this.#taken >= this.max) {
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

  return(): Promise<IteratorResult<T, undefined>> {
    this.#items = [];
    this.#taken = 0;
    this.end();
    this.events.left?.();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
