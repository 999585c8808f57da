import type { Payload, Result } from "./link.js";
/** How a request is sent. */
export interface RequestOptions {
    readonly token?: string | undefined;
    readonly timeoutMs: number;
    readonly signal?: AbortSignal | undefined;
}
/** Sends one operation by POST. Rejects with NETWORK if there is no GraphQL answer. */
export declare function post(fetch: typeof globalThis.fetch, url: string, payload: Payload, { token, timeoutMs, signal }: RequestOptions): Promise<Result>;
