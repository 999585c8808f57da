import type { Link, LinkEvents, Payload, Sink } from "./link.js";
/** What is used of a browser's WebSocket. */
export interface WebSocketLike {
    onopen: ((event: never) => void) | null;
    onmessage: ((event: {
        data: unknown;
    }) => void) | null;
    onclose: ((event: {
        code: number;
        reason: string;
    }) => void) | null;
    onerror: ((event: never) => void) | null;
    send(text: string): void;
    close(code?: number, reason?: string): void;
}
export type WebSocketConstructor = new (url: string, protocol: string) => WebSocketLike;
/** One connection by graphql-transport-ws. */
export declare class SocketLink implements Link {
    #private;
    private readonly events;
    private readonly localNow;
    readonly via = "socket";
    private constructor();
    /** Opens a socket; rejects with a `Loss` if it is not acknowledged. */
    static open(make: WebSocketConstructor, url: string, token: string | undefined, events: LinkEvents, localNow: () => number): Promise<SocketLink>;
    subscribe(payload: Payload, sink: Sink): () => void;
    renew(token: string): Promise<void>;
    check(withinMs: number): void;
    close(): void;
}
