// One lot of the lobby.
import { parseTime } from "../clients/typescript/dist/index.js";
import { duration, urgencyOf } from "./countdown.js";
import { flash, h, onFrame, setText } from "./dom.js";
import { language, plural, t } from "./language.js";
import { money } from "./money.js";
import { plate } from "./plate.js";

/**
 * @typedef {import("./page.js").Page} Page
 * @typedef {import("../clients/typescript/dist/index.js").Auction} Auction
 */

export class Card {
  #price = h("span", { class: "price" });
  #priceLabel = h("span", { class: "price-label" });
  #bids = h("span", { class: "card-bids" });
  #time = h("span", { class: "time" });
  #standing = h("span", { class: "standing" });
  /** When the state that is to be painted arrived. @type {number | undefined} */
  #arrivedAt;

  /** @param {Page} page @param {Auction} auction */
  constructor(page, auction) {
    this.page = page;
    this.auction = auction;
    this.element = h("li", {},
      h("a", { class: "card", href: `#/lot/${auction.id}` },
        h("span", { class: "frame" }, plate(auction.id), this.#standing, this.#time),
        h("span", { class: "card-body" },
          h("span", { class: "card-title", role: "heading", "aria-level": 2 }, auction.title),
          h("span", { class: "card-foot" },
            h("span", { class: "card-price" }, this.#priceLabel, this.#price),
            this.#bids))));
    page.ticker.add(this);
    this.#paint();
  }

  /** @param {Auction} auction @param {number} arrivedAt */
  update(auction, arrivedAt) {
    if (auction.version < this.auction.version) return;
    const isBid = auction.sequence > this.auction.sequence;
    if (this.auction.leaderId === this.page.session.me.id) this.page.myBids.add(auction.id);
    this.auction = auction;
    this.#arrivedAt ??= isBid ? arrivedAt : undefined;
    onFrame(this, () => {
      this.#paint();
      if (isBid) flash(this.#price);
      if (this.#arrivedAt !== undefined) {
        this.page.deliveries.painted(this.#arrivedAt, () => this.page.session.client.clock.localNow());
      }
      this.#arrivedAt = undefined;
    });
    this.page.ticker.soon();
  }

  /** Where the visitor stands was learnt. */
  repaint() {
    onFrame(this, () => this.#paint());
  }

  leave() {
    this.page.ticker.remove(this);
  }

  #paint() {
    const { auction } = this;
    const price = auction.currentPrice ?? auction.openingPrice;
    const label = auction.currentPrice === null ? t.openingPrice
      : auction.status === "CLOSED" ? (auction.winnerId === null ? t.endedAt : t.soldFor) : t.currentPrice;
    setText(this.#priceLabel, label);
    setText(this.#price, money(price, auction, language));
    setText(this.#bids, auction.sequence === 0 ? t.noBids : plural(auction.sequence, t.bids));
    const standing = this.page.standingOf(auction);
    this.#standing.className = `standing ${standing ?? ""}`;
    setText(this.#standing, standing ? t.standing[standing] : "");
  }

  /** Paints the countdown. @param {number} now */
  paint(now) {
    return paintTime(this.#time, this.auction, now);
  }
}

/**
 * The time until a lot opens or ends; returns it.
 * @param {HTMLElement} element
 * @param {Pick<Auction, "status" | "opensAt" | "endsAt">} auction @param {number} now
 */
export function paintTime(element, auction, now) {
  const { status } = auction;
  const isDraft = status === "DRAFT";
  const at = isDraft ? auction.opensAt : auction.endsAt;
  const left = at === null ? 0 : parseTime(at) - now;
  const isOver = status === "CLOSED" || status === "CANCELLED";
  const text = isOver ? (status === "CLOSED" ? t.ended : t.cancelled)
    : left <= 0 ? (isDraft ? t.lobby.tabs.DRAFT : t.closing)
      : isDraft ? `${t.opensIn} ${duration(left, language)}` : `${duration(left, language)} ${t.left}`;
  setText(element, text);
  element.dataset.urgency = isOver ? "over" : isDraft ? "far" : urgencyOf(left);
  return isOver ? undefined : left;
}
