import { BoundedQueue } from "./bounded-queue.js";
import type { Connection } from "./connection.js";
import { Cursor } from "./cursor.js";
import { GavelError } from "./errors.js";
import { WatchBidsDocument, type WatchBidsSubscription } from "./generated/operations.js";
import { parseTime } from "./time.js";
import { resubscribeAfterMs } from "./retry.js";

/** An accepted bid, as the subscription selects it. */
export type Bid = WatchBidsSubscription["bidCreated"];

/** A bid as it was delivered to this client. */
export interface WatchedBid extends Bid {
  /** Whether it comes from history: it was placed before this client was connected. */
  readonly isReplayed: boolean;
  /** When it arrived, by this device's clock, in milliseconds since 1970. */
  readonly arrivedAt: number;
}

/** Where a watcher starts, and when it ends. */
export interface WatchBidsOptions {
  /** The last sequence that you have: bids after it are replayed. Absent: from now on. */
  readonly after?: number;
  /** Ends the iteration. */
  readonly signal?: AbortSignal;
  /** Bids that may wait for a slow loop; above it they are left at the service, and read later. */
  readonly queueMax?: number;
  /** Called when the subscription is sent again, with the sequence from which it resumes. */
  readonly onResume?: (after: number) => void;
}

const QUEUE_MAX = 1_000;

/** What a watcher of bids needs. */
export interface WatchBidsParts {
  readonly connection: Connection;
  readonly localNow: () => number;
  /** The number of an auction's last bid. */
  readonly sequenceOf: (auctionId: string, signal?: AbortSignal) => Promise<number>;
}

/** Yields each bid of an auction once and in order, until the auction has ended. */
export function watchBids(
  parts: WatchBidsParts,
  auctionId: string,
  options: WatchBidsOptions = {},
): AsyncIterableIterator<WatchedBid> {
  return new BidWatcher(parts, auctionId, options).queue;
}

class BidWatcher {
  readonly queue: BoundedQueue<WatchedBid>;
  readonly #cursor = new Cursor(0);
  #unsubscribe: (() => void) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #isPaused = false;
  /** Told apart from those of earlier subscriptions, which may still arrive. */
  #generation = 0;

  constructor(
    private readonly parts: WatchBidsParts,
    private readonly auctionId: string,
    private readonly options: WatchBidsOptions,
  ) {
    const stop = (): void => void this.queue.return();
    this.queue = new BoundedQueue(options.queueMax ?? QUEUE_MAX, {
      drained: () => this.#resume(),
      left: () => {
        options.signal?.removeEventListener("abort", stop);
        this.#end();
      },
    });
    options.signal?.addEventListener("abort", stop);
    if (options.signal?.aborted) stop();
    else void this.#begin();
  }

  async #begin(): Promise<void> {
    try {
      // "From now on" is made a number first: else bids would be missed if the first connection is
      // lost.
      const { after, signal } = this.options;
      this.#cursor.last = after ?? (await this.parts.sequenceOf(this.auctionId, signal));
      if (!this.queue.isEnded) this.#subscribe();
    } catch (error) {
      this.queue.end({ error });
    }
  }

  #end(): void {
    this.#generation += 1;
    clearTimeout(this.#timer);
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
  }

  #again(): void {
    this.#end();
    if (this.queue.isEnded) return;
    this.options.onResume?.(this.#cursor.last);
    this.#subscribe();
  }

  /** The loop has caught up. */
  #resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#again();
  }

  #subscribe(): void {
    this.#generation += 1;
    const generation = this.#generation;
    const isCurrent = (): boolean => generation === this.#generation;
    const variables = { auctionId: this.auctionId, after: this.#cursor.last };
    const { name: operationName, text: query } = WatchBidsDocument;
    this.#unsubscribe = this.parts.connection.subscribe({ query, operationName, variables }, {
      next: ({ data, errors, extensions }) => {
        if (!isCurrent()) return;
        if (errors) return this.#failed(GavelError.from(errors));
        this.#arrived((data as WatchBidsSubscription).bidCreated, extensions?.["replay"] === true);
      },
      error: (errors) => {
        if (isCurrent()) this.#failed(GavelError.from(errors));
      },
      complete: () => {
        if (!isCurrent()) return;
        this.#end();
        this.queue.end();
      },
      lost: () => {
        if (isCurrent()) this.#again();
      },
    });
  }

  #arrived(bid: Bid, isReplayed: boolean): void {
    const arrival = this.#cursor.take(bid.sequence);
    if (arrival === "repeated") return;
    // Never sent by the service; if it were, the missing bids are read.
    if (arrival === "gap") return this.#again();
    this.#failures = 0;
    this.queue.put({ ...bid, isReplayed, arrivedAt: this.parts.localNow() });
    if (!this.queue.isFull) return;
    this.#isPaused = true;
    this.#end();
  }

  #failed(error: GavelError): void {
    this.#end();
    const ms = resubscribeAfterMs(error, this.#failures, Math.random());
    if (ms === undefined) return this.queue.end({ error });
    this.#failures += 1;
    this.#timer = setTimeout(() => this.#again(), ms);
  }
}

/** Where a bid's time went, in milliseconds; `undefined` where a stamp is missing. */
export interface Hops {
  /** From the client that placed it to the service, by that client's clock. */
  readonly request: number | undefined;
  /** In the service, until its transaction was sealed. */
  readonly lane: number;
  /** The transaction and the stream. */
  readonly store: number | undefined;
  /** From the stream to the watchers' broker. */
  readonly relay: number | undefined;
  /** From the broker to this client, by the server's clock. */
  readonly deliver: number | undefined;
}

/** The hops of a bid that arrived at `arrivedAt` by the server's clock. */
export function hopsOf(bid: Bid, arrivedAt: number | undefined): Hops {
  const { sentAt, receivedAt, writtenAt, readAt, publishedAt } = bid.timing;
  const [received, written] = [parseTime(receivedAt), parseTime(writtenAt)];
  const between = (from: string | null, to: number | undefined): number | undefined =>
    from === null || to === undefined ? undefined : Math.max(0, to - parseTime(from));
  const read = readAt === null ? undefined : parseTime(readAt);
  return {
    request: between(sentAt, received),
    lane: Math.max(0, written - received),
    store: read === undefined ? undefined : Math.max(0, read - written),
    relay: between(readAt, publishedAt === null ? undefined : parseTime(publishedAt)),
    deliver: between(publishedAt, arrivedAt),
  };
}
