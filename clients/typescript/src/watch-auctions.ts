import type { Connection } from "./connection.js";
import { GavelError } from "./errors.js";
import { type AuctionPartsFragment, WatchAuctionDocument, type WatchAuctionSubscription } from "./generated/operations.js";
import { resubscribeAfterMs } from "./retry.js";

/** An auction's state, as the subscription selects it. */
export type Auction = AuctionPartsFragment;

/** When a watcher ends. */
export interface WatchAuctionsOptions {
  /** Ends the iteration. */
  readonly signal?: AbortSignal;
}

/** Yields the states of auctions as they change, until all have ended. */
export function watchAuctions(
  connection: Connection,
  ids: readonly string[],
  options: WatchAuctionsOptions = {},
): AsyncIterableIterator<Auction> {
  return new AuctionsWatcher(connection, new Set(ids), options);
}

/**
 * The latest state of each auction that was not yet taken: a slow loop skips states in between, so
 * that no more than one per auction waits. A state never follows a later one.
 */
class AuctionsWatcher implements AsyncIterableIterator<Auction> {
  readonly #waitingStates = new Map<string, Auction>();
  readonly #versions = new Map<string, number>();
  readonly #stops = new Map<string, () => void>();
  readonly #signal: AbortSignal | undefined;
  #waiting: PromiseWithResolvers<IteratorResult<Auction, undefined>>[] = [];
  #end: { error?: unknown } | undefined;

  constructor(
    private readonly connection: Connection,
    ids: ReadonlySet<string>,
    { signal }: WatchAuctionsOptions,
  ) {
    this.#signal = signal;
    signal?.addEventListener("abort", this.#aborted);
    if (signal?.aborted || ids.size === 0) this.#finish({});
    else for (const id of ids) this.#subscribe(id, 0);
  }

  next(): Promise<IteratorResult<Auction, undefined>> {
    for (const [id, value] of this.#waitingStates) {
      this.#waitingStates.delete(id);
      return Promise.resolve({ value, done: false });
    }
    if (this.#end) {
      const end = this.#end;
      this.#end = {};
      if ("error" in end) return Promise.reject(end.error);
      return Promise.resolve({ value: undefined, done: true });
    }
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  return(): Promise<IteratorResult<Auction, undefined>> {
    this.#waitingStates.clear();
    this.#finish({});
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  readonly #aborted = (): void => void this.return();

  #finish(end: { error?: unknown }): void {
    if (this.#end) return;
    this.#end = end;
    this.#signal?.removeEventListener("abort", this.#aborted);
    for (const stop of this.#stops.values()) stop();
    this.#stops.clear();
    const [first, ...others] = this.#waiting.splice(0);
    if (!first) return;
    this.#end = {};
    if ("error" in end) first.reject(end.error);
    for (const one of "error" in end ? others : [first, ...others]) {
      one.resolve({ value: undefined, done: true });
    }
  }

  #subscribe(id: string, failures: number): void {
    const { name: operationName, text: query } = WatchAuctionDocument;
    let failed = failures;
    const failure = (error: GavelError): void => {
      const ms = resubscribeAfterMs(error, failed, Math.random());
      this.#stops.get(id)?.();
      if (ms === undefined) return this.#finish({ error });
      const timer = setTimeout(() => this.#subscribe(id, failed + 1), ms);
      this.#stops.set(id, () => clearTimeout(timer));
    };
    const stop = this.connection.subscribe({ query, operationName, variables: { auctionId: id } }, {
      next: ({ data, errors }) => {
        if (errors) return failure(GavelError.from(errors));
        failed = 0;
        this.#arrived((data as WatchAuctionSubscription).auctionUpdated);
      },
      error: (errors) => failure(GavelError.from(errors)),
      complete: () => {
        this.#stops.delete(id);
        if (this.#stops.size === 0) this.#finish({});
      },
      lost: () => {
        if (!this.#end) this.#subscribe(id, failed);
      },
    });
    this.#stops.set(id, stop);
  }

  #arrived(state: Auction): void {
    if (this.#end || state.version < (this.#versions.get(state.id) ?? 0)) return;
    this.#versions.set(state.id, state.version);
    const waiting = this.#waiting.shift();
    if (waiting) waiting.resolve({ value: state, done: false });
    else this.#waitingStates.set(state.id, state);
  }
}

interface PromiseWithResolvers<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}
