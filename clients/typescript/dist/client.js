import { Connection } from "./connection.js";
import { GavelError } from "./errors.js";
import { GetSequenceDocument } from "./generated/operations.js";
import { post } from "./http.js";
import { placeBid } from "./place-bid.js";
import { SocketLink } from "./socket-link.js";
import { StreamLink } from "./stream-link.js";
import { MonotonicClock, ServerClock, parseTime } from "./time.js";
import { TokenSource } from "./token.js";
import { watchAuctions } from "./watch-auctions.js";
import { watchBids } from "./watch-bids.js";
const QUERY_TIMEOUT_MS = 15_000;
/** A client of a Gavel service. Queries and mutations go over HTTP, subscriptions over one socket. */
export class GavelClient {
    options;
    /** The server's clock, for countdowns. */
    clock = new ServerClock(new MonotonicClock());
    #urls;
    #fetch;
    #tokens;
    #connection;
    #node = 0;
    constructor(options) {
        this.options = options;
        this.#urls = typeof options.url === "string" ? [options.url] : options.url;
        if (this.#urls.length === 0)
            throw new TypeError("url: at least one is needed");
        this.#fetch = options.fetch ?? ((...given) => globalThis.fetch(...given));
        const localNow = () => this.clock.localNow();
        this.#tokens = new TokenSource(options.token, () => this.clock.now());
        this.#connection = new Connection({
            open: (via) => (token, events) => this.#open(via, token, events, localNow),
            transport: options.transport ?? "auto",
            tokens: this.#tokens,
            localNow,
            onState: (state) => {
                // The next attempt is for the next node.
                if (state.status === "waiting")
                    this.#node += 1;
                options.onState?.(state);
            },
            onServerTime: (asked, server, answered) => this.clock.sample(asked, parseTime(server), answered),
        });
    }
    /** What the connection for subscriptions does. */
    get state() {
        return this.#connection.state;
    }
    /** Runs a query or mutation; throws a `GavelError` if it has errors. */
    async query(document, variables, options) {
        const { name: operationName, text: query } = document;
        const { timeoutMs = QUERY_TIMEOUT_MS, signal } = options ?? {};
        const payload = { query, operationName, variables };
        const { data, errors } = await this.#send(payload, { timeoutMs, ...(signal && { signal }) });
        if (errors?.length)
            throw GavelError.from(errors);
        return data;
    }
    /**
     * Yields each bid of an auction once and in order, whatever becomes of the connection; ends when
     * the auction has ended.
     */
    watchBids(auctionId, options) {
        const sequenceOf = async (id, signal) => {
            const { auction } = await this.query(GetSequenceDocument, { id }, signal && { signal });
            if (!auction)
                throw new GavelError("NOT_FOUND", `there is no auction ${id}`);
            return auction.sequence;
        };
        const localNow = () => this.clock.localNow();
        return watchBids({ connection: this.#connection, localNow, sequenceOf }, auctionId, options);
    }
    /**
     * Yields the state of each of these auctions, now and when it changes, until all have ended. A
     * slow loop sees the latest states.
     */
    watchAuctions(which, options) {
        return watchAuctions(this.#connection, which, options);
    }
    /** Places a bid once, however often it has to be sent until there is an answer. */
    placeBid(bid, options) {
        const send = (payload, sending) => this.#send(payload, sending);
        const [localNow, serverNow] = [() => this.clock.localNow(), () => this.clock.now()];
        return placeBid({ send, localNow, serverNow }, bid, options);
    }
    /** Asks for a new token now, and shows it to the service; subscriptions continue. */
    renewToken() {
        return this.#connection.renew();
    }
    /** To be called when the device woke up or found a network: a lost connection is noticed at once. */
    wake() {
        this.#connection.wake();
    }
    /** Ends the connection; what is watched ends too. */
    close() {
        this.#connection.close();
    }
    get #url() {
        return this.#urls[this.#node % this.#urls.length];
    }
    async #send(payload, sending) {
        const token = await this.#tokens.get();
        try {
            return await post(this.#fetch, this.#url, payload, { ...sending, token });
        }
        catch (error) {
            if (error instanceof GavelError && this.state.status !== "open")
                this.#node += 1;
            throw error;
        }
    }
    #open(via, token, events, localNow) {
        const url = this.#url;
        if (via === "stream") {
            const place = { fetch: this.#fetch, url, streamUrl: `${url}/stream` };
            return StreamLink.open(place, token, events, localNow);
        }
        const WebSocket = (this.options.webSocket ?? globalThis.WebSocket);
        if (!WebSocket) {
            return Promise.reject(new TypeError("there is no WebSocket: pass the option webSocket"));
        }
        return SocketLink.open(WebSocket, `${url.replace(/^http/, "ws")}/ws`, token, events, localNow);
    }
}
