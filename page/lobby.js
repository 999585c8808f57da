// The lobby: the auctions of a status, with live prices, countdowns and where the visitor stands.
import { ListAuctionsDocument, MyStandingsDocument } from "../clients/typescript/dist/index.js";
import { Card } from "./card.js";
import { h, set } from "./dom.js";
import { plural, t } from "./language.js";

/**
 * @typedef {import("./page.js").Page} Page
 * @typedef {import("../clients/typescript/dist/index.js").Auction} Auction
 * @typedef {"OPEN" | "DRAFT" | "CLOSED" | "MINE"} Tab
 */

const TABS = /** @type {const} */ (["OPEN", "DRAFT", "CLOSED", "MINE"]);
/** As many as one subscription brings. */
const PAGE = 100;

export class Lobby {
  /** @type {Map<string, Card>} */
  #cards = new Map();
  #abort = new AbortController();
  #grid = h("ul", { class: "grid" });
  #count = h("p", { class: "count" });
  #more = h("button", { class: "more", type: "button", hidden: true, onclick: () => void this.#load(this.#cursor) }, t.lobby.more);
  #status = h("p", { class: "empty", role: "status" }, t.lobby.loading);
  /** @type {string | null} */
  #cursor = null;

  /** @param {Page} page @param {Tab} tab */
  constructor(page, tab) {
    this.page = page;
    this.tab = tab;
    const shown = TABS.filter((name) => name !== "MINE" || page.session.me.id !== null);
    const tabs = shown.map((name) => h("a", {
      href: name === "OPEN" ? "#/" : `#/${name.toLowerCase()}`,
      "aria-current": name === tab ? "page" : undefined,
    }, t.lobby.tabs[name]));
    this.element = h("div", { class: "lobby" },
      h("div", { class: "lobby-head" },
        h("div", {}, h("h1", { tabindex: "-1" }, t.lobby.title), h("p", { class: "lead" }, t.lobby.lead)),
        h("nav", { class: "tabs", "aria-label": t.lobby.tabsLabel }, ...tabs)),
      this.#count, this.#status, this.#grid, this.#more);
    void this.#load(null);
    if (tab !== "MINE") void this.#watch({ status: tab });
    const repaint = () => {
      for (const card of this.#cards.values()) card.repaint();
    };
    page.addEventListener("standings", repaint, { signal: this.#abort.signal });
  }

  get title() {
    return `${t.lobby.tabs[this.tab]} – ${t.name}`;
  }

  leave() {
    this.#abort.abort();
    for (const card of this.#cards.values()) card.leave();
  }

  /** @param {string | null} after */
  async #load(after) {
    try {
      const auctions = await this.#page(after);
      const added = auctions.nodes.filter(({ id }) => !this.#cards.has(id));
      for (const auction of added) this.#add(auction);
      this.#cursor = auctions.pageInfo.hasNextPage ? auctions.pageInfo.endCursor : null;
      set(this.#more, "hidden", this.#cursor === null);
      this.#counted();
      // Those beyond the subscription's first hundred have one of their own.
      if ((after !== null || this.tab === "MINE") && added.length > 0) void this.#watch({ ids: added.map(({ id }) => id) });
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.#status.textContent = /** @type {Error} */ (error).message;
      set(this.#status, "hidden", false);
    }
  }

  /** A page of the list. @param {string | null} after */
  async #page(after) {
    const { client } = this.page.session;
    const { signal } = this.#abort;
    if (this.tab !== "MINE") {
      const variables = { status: this.tab, first: PAGE, after, newestFirst: this.tab === "CLOSED" };
      return (await client.query(ListAuctionsDocument, variables, { signal })).auctions;
    }
    const { me } = await client.query(MyStandingsDocument, { first: PAGE, after }, { signal });
    for (const { auction } of me.standings.nodes) this.page.myBids.add(auction.id);
    return { pageInfo: me.standings.pageInfo, nodes: me.standings.nodes.map(({ auction }) => auction) };
  }

  /** @param {Auction} auction */
  #add(auction) {
    const card = new Card(this.page, auction);
    this.#cards.set(auction.id, card);
    this.#grid.append(card.element);
  }

  #counted() {
    const count = this.#cards.size;
    this.#count.textContent = count > 0 ? plural(count, t.lots) : "";
    this.#status.textContent = t.lobby.empty[this.tab];
    set(this.#status, "hidden", count > 0);
  }

  /** @param {import("../clients/typescript/dist/index.js").WhichAuctions} which */
  async #watch(which) {
    const { client } = this.page.session;
    try {
      for await (const state of client.watchAuctions(which, { signal: this.#abort.signal })) {
        const card = this.#cards.get(state.id);
        if (card) card.update(state, client.clock.localNow());
        else if (state.status === this.tab) this.#addNew(state);
      }
    } catch {
      // The bar shows the state of the connection; a refused token asks for another.
    }
  }

  /** A lot that is new to this list stands where the list's order puts it. @param {Auction} auction */
  #addNew(auction) {
    this.#add(auction);
    const key = (/** @type {Auction} */ one) => (one.status === "DRAFT" ? (one.opensAt ?? one.endsAt) : one.endsAt);
    const isBefore = (/** @type {Auction} */ one) => (this.tab === "CLOSED" ? key(one) < key(auction) : key(one) > key(auction));
    const next = [...this.#cards.values()].find((card) => card.auction.id !== auction.id && isBefore(card.auction));
    const card = this.#cards.get(auction.id);
    if (next && card) next.element.before(card.element);
    this.#counted();
  }
}
