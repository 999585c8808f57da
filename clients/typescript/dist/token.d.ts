/** Returns a valid token, or nothing for an anonymous watcher. Called before each expiry. */
export type TokenFunction = () => string | null | undefined | Promise<string | null | undefined>;
/** A token is replaced when this much of its life is left. */
export declare const RENEW_BEFORE_MS = 30000;
/** When a JWT expires, in milliseconds since 1970. `undefined`: it does not say. */
export declare function expiryOf(token: string): number | undefined;
/** The caller's token, asked for again only when it is about to expire. */
export declare class TokenSource {
    #private;
    private readonly ask;
    private readonly now;
    constructor(ask: TokenFunction | undefined, now: () => number);
    /** A valid token. With `isFresh` the function is asked in any case. */
    get(isFresh?: boolean): Promise<string | undefined>;
    /** When a token that is in use is to be replaced: in half of what is left, if that is short. */
    renewInMs(token: string): number | undefined;
}
