import type { Via } from "./link.js";
/** What the connection for subscriptions does. */
export type ConnectionState = 
/** Nothing is subscribed to. */
{
    readonly status: "idle";
} | {
    readonly status: "connecting";
    readonly via: Via;
    readonly attempt: number;
} | {
    readonly status: "open";
    readonly via: Via;
}
/** Lost; the next attempt is at `retryAt`, in milliseconds since 1970 by this device's clock. */
 | {
    readonly status: "waiting";
    readonly attempt: number;
    readonly retryAt: number;
    readonly reason: string;
}
/** The token was refused: a new one is needed. */
 | {
    readonly status: "refused";
    readonly reason: string;
} | {
    readonly status: "closed";
};
/** How subscriptions may be sent: `auto` prefers the socket. */
export type Transport = "auto" | Via;
/** The attempts so far. */
export interface Attempts {
    /** Sockets that were not acknowledged, since the last one that was. */
    readonly socketFailures: number;
    /** Whether a socket was ever acknowledged. */
    readonly hadSocket: boolean;
    readonly last: Via | undefined;
}
/**
 * How to connect next. A network that blocks WebSocket and a server that restarts look the same at
 * first: a client that never had a socket tries the stream after one failure, others after two; from
 * then on both in turn.
 */
export declare function nextVia(transport: Transport, attempts: Attempts): Via;
