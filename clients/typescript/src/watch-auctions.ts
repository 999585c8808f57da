import type { Connection } from "./connection.js";
import { GavelError } from "./errors.js";
import {
  type AuctionPartsFragment,
  type AuctionStatus,
  WatchAuctionDocument,
  WatchAuctionsDocument,
  type WatchAuctionSubscription,
  type WatchAuctionsSubscription,
} from "./generated/operations.js";
import type { Payload } from "./link.js";
import { resubscribeAfterMs } from "./retry.js";

/** An auction's state, as the subscription selects it. */
export type Auction = AuctionPartsFragment;

/**
 * One auction (each of its states), some (1 to 100), or those of a status (the first 100; one that
 * comes to the status is added, one that leaves it is yielded once more). Of several, each is
 * yielded at most four times a second.
 */
export type WhichAuctions =
  | { readonly id: string }
  | { readonly ids: readonly string[] }
  | { readonly status: AuctionStatus };

/** When a watcher ends. */
export interface WatchAuctionsOptions {
  /** Ends the iteration. */
  readonly signal?: AbortSignal;
}

/** Yields the states of auctions as they change, until all have ended. */
export function watchAuctions(
  connection: Connection,
  which: WhichAuctions,
  options: WatchAuctionsOptions = {},
): AsyncIterableIterator<Auction> {
  return new AuctionsWatcher(connection, which, options);
}

function payloadOf(which: WhichAuctions): Payload {
  const { name, text } = "id" in which ? WatchAuctionDocument : WatchAuctionsDocument;
  const variables = "id" in which ? { auctionId: which.id } : which;
  return { query: text, operationName: name, variables };
}

function statesOf(data: unknown): readonly Auction[] {
  const found = data as WatchAuctionSubscription | WatchAuctionsSubscription;
  return "auctionUpdated" in found ? [found.auctionUpdated] : found.auctionsUpdated;
}

/**
 * The latest state of each auction that was not yet taken: a slow loop skips states in between, so
 * that no more than one per auction waits. A state never follows a later one.
 */
class AuctionsWatcher implements AsyncIterableIterator<Auction> {
  readonly #states = new Map<string, Auction>();
  readonly #versions = new Map<string, number>();
  readonly #signal: AbortSignal | undefined;
  #stop = (): void => {};
  #failures = 0;
  #waiting: { resolve: (result: IteratorResult<Auction, undefined>) => void; reject: (error: unknown) => void }[] = [];
  #end: { error?: unknown } | undefined;

  constructor(
    private readonly connection: Connection,
    private readonly which: WhichAuctions,
    { signal }: WatchAuctionsOptions,
  ) {
    this.#signal = signal;
    signal?.addEventListener("abort", this.#aborted);
    const isNone = "ids" in which && which.ids.length === 0;
    if (signal?.aborted || isNone) this.#finish({});
    else this.#subscribe();
  }

  next(): Promise<IteratorResult<Auction, undefined>> {
    for (const [id, value] of this.#states) {
      this.#states.delete(id);
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
    this.#states.clear();
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
    this.#stop();
    const [first, ...others] = this.#waiting.splice(0);
    if (!first) return;
    this.#end = {};
    if ("error" in end) first.reject(end.error);
    for (const one of "error" in end ? others : [first, ...others]) {
      one.resolve({ value: undefined, done: true });
    }
  }

  #subscribe(): void {
    this.#stop = this.connection.subscribe(payloadOf(this.which), {
      next: ({ data, errors }) => {
        if (errors) return this.#failed(GavelError.from(errors));
        this.#failures = 0;
        for (const state of statesOf(data)) this.#arrived(state);
      },
      error: (errors) => this.#failed(GavelError.from(errors)),
      complete: () => this.#finish({}),
      // The first events of the next subscription bring everything again.
      lost: () => {
        if (!this.#end) this.#subscribe();
      },
    });
  }

  #failed(error: GavelError): void {
    this.#stop();
    if (this.#end) return;
    const ms = resubscribeAfterMs(error, this.#failures, Math.random());
    if (ms === undefined) return this.#finish({ error });
    this.#failures += 1;
    const timer = setTimeout(() => this.#subscribe(), ms);
    this.#stop = () => clearTimeout(timer);
  }

  #arrived(state: Auction): void {
    if (this.#end || state.version < (this.#versions.get(state.id) ?? 0)) return;
    this.#versions.set(state.id, state.version);
    const waiting = this.#waiting.shift();
    if (waiting) waiting.resolve({ value: state, done: false });
    else this.#states.set(state.id, state);
  }
}
