import { Connection } from "./connection.js";
import type { ConnectionState, Transport } from "./connection-state.js";
import { GavelError } from "./errors.js";
import { GetSequenceDocument } from "./generated/operations.js";
import { post } from "./http.js";
import type { Payload, Result, Via } from "./link.js";
import { type BidToPlace, type PlaceBidOptions, type PlaceBidResult, placeBid } from "./place-bid.js";
import { SocketLink, type WebSocketConstructor } from "./socket-link.js";
import { StreamLink } from "./stream-link.js";
import { MonotonicClock, ServerClock, parseTime } from "./time.js";
import { type TokenFunction, TokenSource } from "./token.js";
import type { TypedDocument } from "./typed-document.js";
import { type Auction, type WatchAuctionsOptions, type WhichAuctions, watchAuctions } from "./watch-auctions.js";
import { type WatchBidsOptions, type WatchedBid, watchBids } from "./watch-bids.js";

/** How a client reaches a service. */
export interface GavelClientOptions {
  /** The URL of /graphql; several for the nodes of a cluster, tried in turn when one is lost. */
  readonly url: string | readonly string[];
  /** Returns a valid token: called at first, and before each expiry. Absent: an anonymous watcher. */
  readonly token?: TokenFunction;
  /** `auto` (the default) falls back to server-sent events where WebSocket is blocked. */
  readonly transport?: Transport;
  /** The class of `ws`, where there is no global WebSocket (Node before 22). */
  readonly webSocket?: unknown;
  readonly fetch?: typeof globalThis.fetch;
  /** Called whenever the connection for subscriptions changes its state. */
  readonly onState?: (state: ConnectionState) => void;
}

/** How one request is sent. */
export interface QueryOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

const QUERY_TIMEOUT_MS = 15_000;

/** A client of a Gavel service. Queries and mutations go over HTTP, subscriptions over one socket. */
export class GavelClient {
  /** The server's clock, for countdowns. */
  readonly clock = new ServerClock(new MonotonicClock());
  readonly #urls: readonly string[];
  readonly #fetch: typeof globalThis.fetch;
  readonly #tokens: TokenSource;
  readonly #connection: Connection;
  #node = 0;

  constructor(private readonly options: GavelClientOptions) {
    this.#urls = typeof options.url === "string" ? [options.url] : options.url;
    if (this.#urls.length === 0) throw new TypeError("url: at least one is needed");
    this.#fetch = options.fetch ?? ((...given) => globalThis.fetch(...given));
    const localNow = (): number => this.clock.localNow();
    this.#tokens = new TokenSource(options.token, () => this.clock.now());
    this.#connection = new Connection({
      open: (via) => (token, events) => this.#open(via, token, events, localNow),
      transport: options.transport ?? "auto",
      tokens: this.#tokens,
      localNow,
      onState: (state) => {
        // The next attempt is for the next node.
        if (state.status === "waiting") this.#node += 1;
        options.onState?.(state);
      },
      onServerTime: (asked, server, answered) => this.clock.sample(asked, parseTime(server), answered),
    });
  }

  /** What the connection for subscriptions does. */
  get state(): ConnectionState {
    return this.#connection.state;
  }

  /** Runs a query or mutation; throws a `GavelError` if it has errors. */
  async query<R, V>(document: TypedDocument<R, V>, variables: V, options?: QueryOptions): Promise<R> {
    const { name: operationName, text: query } = document;
    const { timeoutMs = QUERY_TIMEOUT_MS, signal } = options ?? {};
    const payload = { query, operationName, variables };
    const { data, errors } = await this.#send(payload, { timeoutMs, ...(signal && { signal }) });
    if (errors?.length) throw GavelError.from(errors);
    return data as R;
  }

  /**
   * Yields each bid of an auction once and in order, whatever becomes of the connection; ends when
   * the auction has ended.
   */
  watchBids(auctionId: string, options?: WatchBidsOptions): AsyncIterableIterator<WatchedBid> {
    const sequenceOf = async (id: string, signal?: AbortSignal): Promise<number> => {
      const { auction } = await this.query(GetSequenceDocument, { id }, signal && { signal });
      if (!auction) throw new GavelError("NOT_FOUND", `there is no auction ${id}`);
      return auction.sequence;
    };
    const localNow = (): number => this.clock.localNow();
    return watchBids({ connection: this.#connection, localNow, sequenceOf }, auctionId, options);
  }

  /**
   * Yields the state of each of these auctions, now and when it changes, until all have ended. A
   * slow loop sees the latest states.
   */
  watchAuctions(which: WhichAuctions, options?: WatchAuctionsOptions): AsyncIterableIterator<Auction> {
    return watchAuctions(this.#connection, which, options);
  }

  /** Places a bid once, however often it has to be sent until there is an answer. */
  placeBid(bid: BidToPlace, options?: PlaceBidOptions): Promise<PlaceBidResult> {
    const send = (payload: Payload, sending: { timeoutMs: number; signal?: AbortSignal }): Promise<Result> =>
      this.#send(payload, sending);
    const [localNow, serverNow] = [() => this.clock.localNow(), () => this.clock.now()];
    return placeBid({ send, localNow, serverNow }, bid, options);
  }

  /** Asks for a new token now, and shows it to the service; subscriptions continue. */
  renewToken(): Promise<void> {
    return this.#connection.renew();
  }

  /** To be called when the device woke up or found a network: a lost connection is noticed at once. */
  wake(): void {
    this.#connection.wake();
  }

  /** Ends the connection; what is watched ends too. */
  close(): void {
    this.#connection.close();
  }

  get #url(): string {
    return this.#urls[this.#node % this.#urls.length] as string;
  }

  async #send(payload: Payload, sending: { timeoutMs: number; signal?: AbortSignal }): Promise<Result> {
    const token = await this.#tokens.get();
    try {
      return await post(this.#fetch, this.#url, payload, { ...sending, token });
    } catch (error) {
      if (error instanceof GavelError && this.state.status !== "open") this.#node += 1;
      throw error;
    }
  }

  #open(
    via: Via,
    token: string | undefined,
    events: Parameters<typeof SocketLink.open>[3],
    localNow: () => number,
  ): Promise<SocketLink | StreamLink> {
    const url = this.#url;
    if (via === "stream") {
      const place = { fetch: this.#fetch, url, streamUrl: `${url}/stream` };
      return StreamLink.open(place, token, events, localNow);
    }
    const WebSocket = (this.options.webSocket ?? globalThis.WebSocket) as WebSocketConstructor | undefined;
    if (!WebSocket) {
      return Promise.reject(new TypeError("there is no WebSocket: pass the option webSocket"));
    }
    return SocketLink.open(WebSocket, `${url.replace(/^http/, "ws")}/ws`, token, events, localNow);
  }
}
