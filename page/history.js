// The bids of a lot, newest first: the latest ones as rows, earlier ones on request.
import { hopsOf, parseTime } from "../clients/typescript/dist/index.js";
import { h } from "./dom.js";
import { bar, totalOf } from "./hops.js";
import { language, milliseconds, t, timeOfDay } from "./language.js";
import { money } from "./money.js";

/**
 * @typedef {import("../clients/typescript/dist/index.js").Bid} Bid
 * @typedef {Bid & { isReplayed: boolean, arrivedAt: number }} ShownBid
 */

const ROWS_MAX = 200;

export class History {
  #body = h("tbody");
  /** Rows beyond those that are kept live, which were asked for. */
  #earlierRows = 0;
  /** The sequence of the earliest bid that is shown. */
  first = Infinity;

  /** @param {{ me: string | null, auction: { currency: string, currencyDigits: number }, offsetMs: () => number }} of */
  constructor(of) {
    this.of = of;
    const { columns } = t.lot;
    this.element = h("table", { class: "history" },
      h("thead", {}, h("tr", {},
        ...[columns.sequence, columns.bidder, columns.amount, columns.time, columns.path].map((name) => h("th", { scope: "col" }, name)))),
      this.#body);
  }

  /** @param {readonly ShownBid[]} bids in their order */
  add(bids) {
    const shown = bids.slice(-ROWS_MAX);
    const rows = shown.map((bid) => this.#row(bid)).reverse();
    this.#body.prepend(...rows);
    this.first = Math.min(this.first, shown[0]?.sequence ?? Infinity);
    const max = ROWS_MAX + this.#earlierRows;
    while (this.#body.children.length > max) this.#body.lastElementChild?.remove();
    const last = this.#body.lastElementChild;
    if (last) this.first = Number(/** @type {HTMLElement} */ (last).dataset.sequence);
  }

  /** @param {readonly ShownBid[]} bids newest first */
  addEarlier(bids) {
    this.#body.append(...bids.map((bid) => this.#row(bid)));
    this.#earlierRows += bids.length;
    this.first = bids.at(-1)?.sequence ?? this.first;
  }

  /** @param {ShownBid} bid */
  #row(bid) {
    const { me, auction, offsetMs } = this.of;
    const isMine = bid.bidderId === me;
    const hops = hopsOf(bid, bid.isReplayed ? undefined : bid.arrivedAt + offsetMs());
    const total = totalOf(hops);
    return h("tr", { class: `${isMine ? "mine" : ""} ${bid.isReplayed ? "replayed" : "live"}`, "data-sequence": bid.sequence },
      h("td", { class: "sequence" }, bid.sequence),
      h("td", { class: "bidder" }, h("span", { class: "bidder-id" }, bid.bidderId), isMine && h("span", { class: "tag" }, t.you)),
      h("td", { class: "amount" }, money(bid.amount, auction, language)),
      h("td", { class: "at" }, h("time", { datetime: bid.receivedAt }, timeOfDay(parseTime(bid.receivedAt)))),
      h("td", { class: "path" }, bar(hops), bid.isReplayed
        ? h("span", { class: "replay", title: t.lot.replayedHint }, `↻ ${t.lot.replayed}`)
        : h("span", { class: "total", title: t.lot.total }, total === undefined ? "" : milliseconds(total))));
  }
}
