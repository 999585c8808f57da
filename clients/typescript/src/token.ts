/** Returns a valid token, or nothing for an anonymous watcher. Called before each expiry. */
export type TokenFunction = () => string | null | undefined | Promise<string | null | undefined>;

/** A token is replaced when this much of its life is left. */
export const RENEW_BEFORE_MS = 30_000;

/** Between two renewals, whatever tokens say. */
const RENEW_PAUSE_MS = 1_000;
/** The longest that timers can wait. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** When a JWT expires, in milliseconds since 1970. `undefined`: it does not say. */
export function expiryOf(token: string): number | undefined {
  const [, claims] = token.split(".");
  if (!claims) return undefined;
  try {
    const { exp } = JSON.parse(atob(claims.replace(/-/g, "+").replace(/_/g, "/"))) as { exp?: unknown };
    return typeof exp === "number" ? exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}

/** The caller's token, asked for again only when it is about to expire. */
export class TokenSource {
  #current: string | undefined;
  #asking: Promise<string | undefined> | undefined;

  constructor(
    private readonly ask: TokenFunction | undefined,
    private readonly now: () => number,
  ) {}

  /** A valid token. With `isFresh` the function is asked in any case. */
  async get(isFresh = false): Promise<string | undefined> {
    if (!this.ask) return undefined;
    if (!isFresh && this.#current !== undefined && !this.#isEnding(this.#current)) return this.#current;
    // One question at a time: a page's requests share the answer.
    this.#asking ??= this.#renew(this.ask).finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  /** When a token that is in use is to be replaced: in half of what is left, if that is short. */
  renewInMs(token: string): number | undefined {
    const expiry = expiryOf(token);
    if (expiry === undefined) return undefined;
    const left = expiry - this.now();
    const ms = left > 2 * RENEW_BEFORE_MS ? left - RENEW_BEFORE_MS : left / 2;
    return Math.min(Math.max(ms, RENEW_PAUSE_MS), TIMER_MAX_MS);
  }

  async #renew(ask: TokenFunction): Promise<string | undefined> {
    const token = (await ask())?.replace(/^bearer\s+/i, "").trim();
    this.#current = token || undefined;
    return this.#current;
  }

  #isEnding(token: string): boolean {
    const expiry = expiryOf(token);
    return expiry !== undefined && expiry - this.now() <= RENEW_BEFORE_MS;
  }
}
