// A lot: loads it, and follows its state and its bids.
import { GavelError, GetAuctionDocument, hopsOf } from "../clients/typescript/dist/index.js";
import { h } from "./dom.js";
import { totalOf } from "./hops.js";
import { t } from "./language.js";
import { LotView } from "./lot-view.js";

/** @typedef {import("./page.js").Page} Page */

/** Bids that are read when a lot is opened. */
const FIRST = 100;

export class Lot {
  #abort = new AbortController();
  #view = /** @type {LotView | undefined} */ (undefined);
  element = h("div", { class: "lot" }, h("p", { class: "empty", role: "status" }, t.lot.loading));

  /** @param {Page} page @param {string} id */
  constructor(page, id) {
    this.page = page;
    this.id = id;
    void this.#open();
  }

  get title() {
    return this.#view?.title ?? t.name;
  }

  leave() {
    this.#abort.abort();
    this.#view?.leave();
  }

  async #open() {
    const { client } = this.page.session;
    const { signal } = this.#abort;
    try {
      const { auction } = await client.query(GetAuctionDocument, { id: this.id }, { signal });
      if (!auction) throw new GavelError("NOT_FOUND", t.lot.notFound);
      this.#view = new LotView(this.page, auction, signal);
      this.element.replaceChildren(...this.#view.elements);
      void this.#watchAuction();
      await this.#watchBids(auction.sequence);
    } catch (error) {
      if (signal.aborted || this.#view) return;
      const isMissing = error instanceof GavelError && (error.code === "NOT_FOUND" || error.code === "BAD_REQUEST");
      this.element.replaceChildren(
        h("a", { class: "back", href: "#/" }, `← ${t.lot.back}`),
        h("h1", { class: "empty", tabindex: "-1" }, isMissing ? t.lot.notFound : /** @type {Error} */ (error).message));
    }
  }

  async #watchAuction() {
    const { client } = this.page.session;
    try {
      for await (const state of client.watchAuctions({ id: this.id }, { signal: this.#abort.signal })) this.#view?.update(state);
    } catch {
      // The bar shows the state of the connection.
    }
  }

  /** @param {number} sequence */
  async #watchBids(sequence) {
    const { session, deliveries } = this.page;
    const { client } = session;
    const after = Math.max(0, sequence - FIRST);
    const options = {
      after, signal: this.#abort.signal, onResume: (/** @type {number} */ last) => deliveries.resume(last),
    };
    for await (const bid of client.watchBids(this.id, options)) {
      if (bid.isReplayed) {
        deliveries.history();
      } else {
        const total = totalOf(hopsOf(bid, bid.arrivedAt + client.clock.offsetMs));
        if (total !== undefined && client.clock.isSet) deliveries.live(total);
      }
      if (bid.bidderId === session.me.id) this.page.myBids.add(this.id);
      this.#view?.add(bid);
    }
  }
}
