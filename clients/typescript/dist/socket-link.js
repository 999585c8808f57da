import { RenewTokenDocument, ServerTimeDocument } from "./generated/operations.js";
/** From the attempt to the acknowledgement. */
const ACK_TIMEOUT_MS = 5_000;
/** The server pings every 12 s: after this silence it is gone. */
const SILENCE_MS = 25_000;
/** The socket was lost without a close frame, in the words of the WebSocket standard. */
const ABNORMAL = 1006;
/** How often the server is asked for its time. */
const MEASURE_EVERY_MS = 60_000;
const FORBIDDEN = 4403;
/** One connection by graphql-transport-ws. */
export class SocketLink {
    events;
    localNow;
    via = "socket";
    #socket;
    #sinks = new Map();
    #count = 0;
    #measuredAt = -Infinity;
    #isOver = false;
    #silence;
    #check;
    constructor(socket, events, localNow) {
        this.events = events;
        this.localNow = localNow;
        this.#socket = socket;
    }
    /** Opens a socket; rejects with a `Loss` if it is not acknowledged. */
    static open(make, url, token, events, localNow) {
        return new Promise((resolve, reject) => {
            const socket = new make(url, "graphql-transport-ws");
            const link = new SocketLink(socket, events, localNow);
            const late = setTimeout(() => link.#lose("no acknowledgement in time"), ACK_TIMEOUT_MS);
            let isAcknowledged = false;
            link.#over = (loss) => {
                clearTimeout(late);
                if (isAcknowledged)
                    events.lost(loss);
                else
                    reject(loss);
            };
            let asked = 0;
            socket.onopen = () => {
                asked = localNow();
                const payload = token === undefined ? {} : { authorization: `Bearer ${token}` };
                socket.send(JSON.stringify({ type: "connection_init", payload }));
            };
            // Its close event follows, and says more.
            socket.onerror = () => { };
            socket.onclose = ({ code, reason }) => {
                const isRefused = code === FORBIDDEN && reason !== "Token expired";
                link.#end({ code, reason: reason || `the socket closed with ${code}`, isRefused });
            };
            socket.onmessage = ({ data }) => {
                const message = JSON.parse(String(data));
                if (message.type !== "connection_ack")
                    return link.#take(message);
                clearTimeout(late);
                isAcknowledged = true;
                resolve(link);
                link.#heard();
                const { serverTime } = (message.payload ?? {});
                if (typeof serverTime === "string")
                    events.serverTime(asked, serverTime, localNow());
                link.#measure();
            };
        });
    }
    subscribe(payload, sink) {
        this.#count += 1;
        const id = String(this.#count);
        this.#sinks.set(id, sink);
        this.#send({ type: "subscribe", id, payload });
        return () => {
            if (this.#sinks.delete(id))
                this.#send({ type: "complete", id });
        };
    }
    renew(token) {
        return this.#once({ query: RenewTokenDocument.text, variables: { token } }).then(() => { });
    }
    check(withinMs) {
        if (this.#isOver || this.#check !== undefined)
            return;
        this.#check = setTimeout(() => this.#lose("no sign of life"), withinMs);
        this.#send({ type: "ping" });
    }
    close() {
        this.#end({ code: 1000, reason: "closed by the client", isRefused: false });
    }
    /** What to do with the reason once it has ended. */
    #over = () => { };
    #lose(reason) {
        this.#end({ code: ABNORMAL, reason, isRefused: false });
    }
    #end(loss) {
        if (this.#isOver)
            return;
        this.#isOver = true;
        clearTimeout(this.#silence);
        clearTimeout(this.#check);
        // A socket whose peer is gone may take minutes to close: it is left to do so alone.
        this.#socket.onmessage = null;
        this.#socket.close();
        const sinks = [...this.#sinks.values()];
        this.#sinks.clear();
        this.#over(loss);
        for (const sink of sinks)
            sink.lost();
    }
    #send(message) {
        if (!this.#isOver)
            this.#socket.send(JSON.stringify(message));
    }
    #heard() {
        clearTimeout(this.#check);
        this.#check = undefined;
        clearTimeout(this.#silence);
        this.#silence = setTimeout(() => this.#lose("silent for too long"), SILENCE_MS);
    }
    #take(message) {
        this.#heard();
        const { type, id = "", payload } = message;
        const sink = this.#sinks.get(id);
        if (type === "next")
            return sink?.next(payload);
        if (type === "ping")
            return this.#pinged(payload);
        if (type !== "error" && type !== "complete")
            return;
        this.#sinks.delete(id);
        if (type === "error")
            sink?.error(payload);
        else
            sink?.complete();
    }
    #pinged(payload) {
        this.#send({ type: "pong" });
        const { tokenExpiresInMs } = (payload ?? {});
        if (typeof tokenExpiresInMs === "number")
            this.events.tokenEnds(tokenExpiresInMs);
        if (this.#sinks.size > 0)
            this.#measure();
    }
    /** Asks for the server's time now and then; not while idle, so that an idle socket is closed. */
    #measure() {
        const asked = this.localNow();
        if (asked - this.#measuredAt < MEASURE_EVERY_MS)
            return;
        this.#measuredAt = asked;
        this.#once({ query: ServerTimeDocument.text }).then(({ data }) => {
            const { serverTime } = data;
            this.events.serverTime(asked, serverTime, this.localNow());
        }, () => {
            // Countdowns go by the last sample.
        });
    }
    /** Runs a query or mutation; rejects with its errors, or a `Loss`. */
    #once(payload) {
        return new Promise((resolve, reject) => {
            this.subscribe(payload, {
                next: (result) => (result.errors ? reject(result.errors) : resolve(result)),
                error: reject,
                complete: () => reject(new Error("no result")),
                lost: () => reject(new Error("the connection was lost")),
            });
        });
    }
}
