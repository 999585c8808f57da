import type { Link, LinkEvents, Payload, Sink } from "./link.js";
/** Where a stream link sends its requests. */
export interface StreamPlace {
    readonly fetch: typeof globalThis.fetch;
    /** For queries. */
    readonly url: string;
    readonly streamUrl: string;
}
/** Subscriptions as server-sent events: one request each (graphql-sse, distinct connections). */
export declare class StreamLink implements Link {
    #private;
    private readonly place;
    private token;
    private readonly events;
    private readonly localNow;
    readonly via = "stream";
    private constructor();
    /** Looks whether the service answers; rejects with a `Loss` if not. */
    static open(place: StreamPlace, token: string | undefined, events: LinkEvents, localNow: () => number): Promise<StreamLink>;
    subscribe(payload: Payload, sink: Sink): () => void;
    /** Requests that begin from now on carry it; those that run end with the old one, and resume. */
    renew(token: string): Promise<void>;
    check(withinMs: number): void;
    close(): void;
}
