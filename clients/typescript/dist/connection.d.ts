import { type ConnectionState, type Transport } from "./connection-state.js";
import type { Link, LinkEvents, Payload, Sink, Via } from "./link.js";
import type { TokenSource } from "./token.js";
/** Opens a link; rejects with a `Loss`. */
export type Opener = (token: string | undefined, events: LinkEvents) => Promise<Link>;
/** What a connection needs. */
export interface ConnectionParts {
    readonly open: (via: Via) => Opener;
    readonly transport: Transport;
    readonly tokens: TokenSource;
    readonly localNow: () => number;
    readonly onState: (state: ConnectionState) => void;
    readonly onServerTime: LinkEvents["serverTime"];
    /** When a socket is tried for the first time on a stream. */
    readonly upgradeMs?: number;
}
/**
 * Keeps one link while anything is subscribed to, and makes a new one when it is lost. It forgets
 * the subscriptions of a lost link: their owners know from where on to subscribe again.
 */
export declare class Connection {
    #private;
    private readonly parts;
    constructor(parts: ConnectionParts);
    get state(): ConnectionState;
    /** Subscribes, now or once there is a link. Returns what ends it. */
    subscribe(payload: Payload, sink: Sink): () => void;
    /** The device woke up, or has a network again: does not wait for a time-out to find out. */
    wake(): void;
    /** Shows the service a new token of the same user, on the link as it is. */
    renew(): Promise<void>;
    close(): void;
}
