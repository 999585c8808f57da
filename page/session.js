// Who uses this tab, and their client: a demo bidder, a pasted token, or a watcher without a name.
import { GavelClient, WhoAmIDocument, expiryOf } from "../clients/typescript/dist/index.js";

/**
 * @typedef {{ kind: "anonymous" } | { kind: "demo", id: string } | { kind: "token", token: string }} Identity
 * @typedef {{ id: string, token: string }} DemoBidder
 * @typedef {{ id: string | null, roles: readonly string[] }} Me
 */

const KEPT = "gavel.identity";
const WINDOWS = "gavel.windows";
const ASK_AGAIN_MS = 2_000;
const NOBODY = { id: null, roles: [] };

export class Session extends EventTarget {
  /** @type {readonly DemoBidder[]} */
  demo = [];
  /** @type {Identity} */
  identity = { kind: "anonymous" };
  /** @type {Me} */
  me = NOBODY;
  /** @type {GavelClient} */
  client = this.#makeClient();
  /** Why the token was refused. @type {string | undefined} */
  refusal;

  async start() {
    this.demo = (await askForDemo()).bidders;
    this.identity = this.#kept() ?? this.#forNewTab();
    await this.#begin();
  }

  /** @param {Identity} identity */
  async use(identity) {
    this.identity = identity;
    sessionStorage.setItem(KEPT, JSON.stringify(identity));
    await this.#begin();
  }

  /** A new token, of the same user or another. @param {string} token */
  async paste(token) {
    const isSame = this.identity.kind === "token" && subjectOf(token) === this.me.id && this.me.id !== null;
    // Once the old one was refused there is no connection to show the new one on.
    const isRenewal = isSame && this.client.state.status === "open";
    if (!isRenewal) return this.use({ kind: "token", token });
    this.identity = { kind: "token", token };
    sessionStorage.setItem(KEPT, JSON.stringify(this.identity));
    await this.client.renewToken();
    this.#changed();
  }

  /** When the pasted token ends, in milliseconds since 1970. Demo tokens are replaced by themselves. */
  get endsAt() {
    return this.identity.kind === "token" ? expiryOf(this.identity.token) : undefined;
  }

  get canBid() {
    return this.me.roles.includes("BIDDER");
  }

  /** @returns {Identity | undefined} */
  #kept() {
    const kept = sessionStorage.getItem(KEPT);
    const identity = kept === null ? undefined : /** @type {Identity} */ (JSON.parse(kept));
    const isKnown = identity?.kind !== "demo" || this.demo.some(({ id }) => id === identity.id);
    return isKnown ? identity : undefined;
  }

  /** Each new window is the next demo bidder, so that two windows can outbid each other. @returns {Identity} */
  #forNewTab() {
    const count = Number(localStorage.getItem(WINDOWS)) || 0;
    const bidder = this.demo[count % Math.max(1, this.demo.length)];
    if (!bidder) return { kind: "anonymous" };
    localStorage.setItem(WINDOWS, String(count + 1));
    /** @type {Identity} */
    const identity = { kind: "demo", id: bidder.id };
    sessionStorage.setItem(KEPT, JSON.stringify(identity));
    return identity;
  }

  async #begin() {
    this.client.close();
    this.client = this.#makeClient();
    this.refusal = undefined;
    this.me = NOBODY;
    await this.#askWhoIAm(this.client);
    this.#changed();
  }

  /** @param {GavelClient} client */
  async #askWhoIAm(client) {
    try {
      const { me } = await client.query(WhoAmIDocument, {});
      if (this.client === client) this.me = me;
    } catch (error) {
      const { code, message } = /** @type {{ code?: string, message: string }} */ (error);
      if (this.client !== client) return;
      if (code === "UNAUTHENTICATED") {
        this.refusal = message;
      } else {
        // The service cannot be reached, or is busy: who bids is known a little later.
        setTimeout(() => void this.#askWhoIAm(client).then(() => this.#changed()), ASK_AGAIN_MS);
      }
    }
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }

  #makeClient() {
    const client = new GavelClient({
      url: new URL("/graphql", location.href).href,
      token: () => this.#token(),
      onState: () => {
        if (this.client === client) this.dispatchEvent(new Event("state"));
      },
    });
    return client;
  }

  async #token() {
    const { identity } = this;
    if (identity.kind === "token") return identity.token;
    if (identity.kind === "anonymous") return undefined;
    // Minted for this request: so it is a new one whenever the old one is about to end.
    const { bidders } = await askForDemo();
    return bidders.find(({ id }) => id === identity.id)?.token;
  }
}

/** @returns {Promise<{ bidders: DemoBidder[] }>} */
async function askForDemo() {
  const response = await fetch("/page/session.json", { cache: "no-store" });
  return response.ok ? response.json() : { bidders: [] };
}

/** @param {string} token */
function subjectOf(token) {
  try {
    const claims = (token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/");
    return JSON.parse(atob(claims)).sub;
  } catch {
    return undefined;
  }
}
