import { backoffMs } from "./backoff.js";
import { nextVia } from "./connection-state.js";
/** A link that lived this long was a good one: the next attempt is a first one again. */
const STEADY_MS = 5_000;
/** After a sleep, how long a live connection may take to answer. */
const WAKE_CHECK_MS = 500;
/** A connection that is lost this soon after a sleep was lost in it: the next attempt does not wait. */
const WOKEN_MS = 2_000;
/** A stream is replaced by a socket as soon as one can be had: tried after this time, then less often. */
const UPGRADE_MS = 30_000;
const UPGRADE_MAX_MS = 600_000;
/**
 * Keeps one link while anything is subscribed to, and makes a new one when it is lost. It forgets
 * the subscriptions of a lost link: their owners know from where on to subscribe again.
 */
export class Connection {
    parts;
    #state = { status: "idle" };
    #link;
    #openedAt = 0;
    #wokenAt = -Infinity;
    #attempt = 0;
    #attempts = { socketFailures: 0, hadSocket: false, last: undefined };
    #isConnecting = false;
    #isTokenStale = false;
    #isRenewing = false;
    #wake;
    #pending = new Set();
    constructor(parts) {
        this.parts = parts;
    }
    get state() {
        return this.#state;
    }
    /** Subscribes, now or once there is a link. Returns what ends it. */
    subscribe(payload, sink) {
        const one = { payload, sink };
        if (this.#isClosed()) {
            queueMicrotask(() => sink.complete());
        }
        else if (this.#link) {
            one.stop = this.#link.subscribe(payload, sink);
        }
        else {
            this.#pending.add(one);
            // Not at once: who subscribes gets its way of ending it first.
            queueMicrotask(() => void this.#connect());
        }
        return () => {
            this.#pending.delete(one);
            one.stop?.();
        };
    }
    /** The device woke up, or has a network again: does not wait for a time-out to find out. */
    wake() {
        this.#wokenAt = this.parts.localNow();
        this.#wake?.();
        this.#link?.check(WAKE_CHECK_MS);
    }
    /** Shows the service a new token of the same user, on the link as it is. */
    async renew() {
        const link = this.#link;
        if (!link || this.#isRenewing)
            return;
        this.#isRenewing = true;
        try {
            const token = await this.parts.tokens.get(true);
            if (token === undefined)
                return;
            await link.renew(token);
            this.#scheduleRenewal(token);
        }
        catch {
            // The service ends the link when the old token ends; the next link asks for another.
        }
        finally {
            this.#isRenewing = false;
        }
    }
    /** The service warns once of each expiry, 30 s before; this is for tokens that live shorter. */
    #scheduleRenewal(token) {
        clearTimeout(this.#renewal);
        const ms = token === undefined ? undefined : this.parts.tokens.renewInMs(token);
        if (ms !== undefined)
            this.#renewal = setTimeout(() => void this.renew(), ms);
    }
    #renewal;
    close() {
        clearTimeout(this.#renewal);
        clearTimeout(this.#upgrade);
        this.#set({ status: "closed" });
        this.#wake?.();
        const link = this.#link;
        this.#link = undefined;
        link?.close();
        const pending = [...this.#pending];
        this.#pending.clear();
        for (const { sink } of pending)
            sink.lost();
    }
    #set(state) {
        if (this.#state.status === "closed")
            return;
        this.#state = state;
        this.parts.onState(state);
    }
    async #connect() {
        if (this.#isConnecting || this.#link)
            return;
        this.#isConnecting = true;
        try {
            while (this.#pending.size > 0 && this.#state.status !== "closed") {
                if (this.#attempt > 0)
                    await this.#wait();
                if (this.#pending.size === 0 || this.#isClosed())
                    break;
                if (await this.#try())
                    return;
            }
            this.#set({ status: "idle" });
        }
        finally {
            this.#isConnecting = false;
        }
    }
    #isClosed() {
        return this.#state.status === "closed";
    }
    #reason = "";
    #wait() {
        const ms = backoffMs(this.#attempt - 1, Math.random());
        const retryAt = this.parts.localNow() + ms;
        this.#set({ status: "waiting", attempt: this.#attempt, retryAt, reason: this.#reason });
        return new Promise((resolve) => {
            const timer = setTimeout(done, ms);
            this.#wake = done;
            const clear = () => {
                this.#wake = undefined;
            };
            function done() {
                clearTimeout(timer);
                clear();
                resolve();
            }
        });
    }
    /** One attempt; returns whether the loop is over. */
    async #try() {
        const via = nextVia(this.parts.transport, this.#attempts);
        const isFresh = this.#isTokenStale;
        this.#set({ status: "connecting", via, attempt: this.#attempt });
        try {
            const token = await this.parts.tokens.get(isFresh).catch((error) => {
                throw new Error("no token", { cause: error });
            });
            const link = await this.#open(via, token);
            if (this.#isClosed()) {
                link.close();
                return true;
            }
            this.#opened(link);
            this.#scheduleRenewal(token);
            return true;
        }
        catch (caught) {
            const loss = lossOf(caught);
            const { socketFailures } = this.#attempts;
            const failures = via === "socket" ? socketFailures + 1 : socketFailures;
            this.#attempts = { ...this.#attempts, socketFailures: failures, last: via };
            this.#failed(loss);
            // A token from before may have been replaced since: only a new one is refused for good.
            if (!loss.isRefused || !isFresh)
                return false;
            this.#refuse(loss);
            return true;
        }
    }
    #open(via, token) {
        let link;
        const opened = this.parts.open(via)(token, {
            lost: (loss) => {
                if (link && link === this.#link)
                    this.#lost(loss);
            },
            tokenEnds: (inMs) => {
                if (inMs <= 30_000 && link === this.#link)
                    void this.renew();
            },
            serverTime: this.parts.onServerTime,
        });
        return opened.then((made) => (link = made));
    }
    #opened(link) {
        this.#link = link;
        this.#openedAt = this.parts.localNow();
        this.#isTokenStale = false;
        const isSocket = link.via === "socket";
        this.#attempts = {
            socketFailures: isSocket ? 0 : this.#attempts.socketFailures,
            hadSocket: this.#attempts.hadSocket || isSocket,
            last: link.via,
        };
        this.#set({ status: "open", via: link.via });
        if (!isSocket && this.parts.transport === "auto")
            this.#upgradeIn(this.parts.upgradeMs ?? UPGRADE_MS);
        const pending = [...this.#pending];
        this.#pending.clear();
        for (const one of pending)
            one.stop = link.subscribe(one.payload, one.sink);
    }
    /** Looks later whether a socket can be had: the network may be another one, or was never blocked. */
    #upgradeIn(ms) {
        const stream = this.#link;
        clearTimeout(this.#upgrade);
        this.#upgrade = setTimeout(async () => {
            try {
                const socket = await this.#open("socket", await this.parts.tokens.get());
                if (stream !== this.#link || !stream)
                    return socket.close();
                this.#opened(socket);
                // Its subscriptions are lost, and go on with the socket where they were.
                stream.close();
            }
            catch {
                if (stream === this.#link)
                    this.#upgradeIn(Math.min(2 * ms, UPGRADE_MAX_MS));
            }
        }, ms);
    }
    #upgrade;
    #lost(loss) {
        this.#link = undefined;
        clearTimeout(this.#upgrade);
        clearTimeout(this.#renewal);
        const now = this.parts.localNow();
        if (now - this.#openedAt >= STEADY_MS)
            this.#attempt = 0;
        this.#failed(loss);
        if (now - this.#wokenAt < WOKEN_MS)
            this.#attempt = 0;
        this.#set({ status: "idle" });
    }
    #failed(loss) {
        this.#attempt += 1;
        this.#reason = loss.reason;
        this.#isTokenStale = loss.code === 4403;
    }
    /** The token is of no use: whoever waits for a link learns it. */
    #refuse(loss) {
        this.#attempt = 0;
        this.#set({ status: "refused", reason: loss.reason });
        const pending = [...this.#pending];
        this.#pending.clear();
        const error = { message: loss.reason, extensions: { code: "UNAUTHENTICATED" } };
        for (const { sink } of pending)
            sink.error([error]);
    }
}
function lossOf(caught) {
    if (typeof caught === "object" && caught !== null && "isRefused" in caught)
        return caught;
    const reason = caught instanceof Error ? caught.message : String(caught);
    return { reason, isRefused: false };
}
