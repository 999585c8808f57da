// What a lot looks like: its price, standing, bids and chart, painted as they change.
import { BidHistoryDocument, parseTime } from "../clients/typescript/dist/index.js";
import { Bidding } from "./bidding.js";
import { paintTime } from "./card.js";
import { Chart } from "./chart.js";
import { duration } from "./countdown.js";
import { flash, h, onFrame, say, set, setText } from "./dom.js";
import { History } from "./history.js";
import { legend } from "./hops.js";
import { dayAndTime, language, plural, t } from "./language.js";
import { money } from "./money.js";
import { Pace } from "./pace.js";
import { plate } from "./plate.js";

/**
 * @typedef {import("./page.js").Page} Page
 * @typedef {import("../clients/typescript/dist/index.js").Auction} Auction
 * @typedef {import("../clients/typescript/dist/index.js").WatchedBid} WatchedBid
 */

/** Bids that are read when earlier ones are asked for. */
const EARLIER = 100;
/** Bids that may wait to be painted. */
const FRESH_MAX = 200;
/** Bids by others are spoken at most this often. */
const SPEAK_EVERY_MS = 4_000;

export class LotView {
  /** @type {import("./standing.js").Standing | undefined} */
  #standing;
  /** Bids that arrived and are to be painted. @type {WatchedBid[]} */
  #fresh = [];
  #spokenAt = -Infinity;

  /**
   * @param {Page} page @param {Auction & { description: string }} auction
   * @param {AbortSignal} signal that the visitor has left
   */
  constructor(page, auction, signal) {
    this.page = page;
    this.auction = auction;
    this.signal = signal;
    this.title = `${auction.title} – ${t.name}`;
    document.title = this.title;
    this.standing = h("p", { class: "standing" });
    this.price = h("p", { class: "price" });
    this.priceLabel = h("p", { class: "price-label" });
    this.meta = h("p", { class: "lot-meta" });
    this.time = h("span", { class: "time", role: "timer" });
    this.ends = h("span", { class: "ends" });
    this.bidding = new Bidding(page, auction);
    this.chart = new Chart(Number(auction.openingPrice));
    this.chartRange = h("p", { class: "hint" });
    this.history = new History({
      me: page.session.me.id, auction, offsetMs: () => page.session.client.clock.offsetMs,
    });
    this.pace = new Pace(page.deliveries);
    this.earlier = h("button", { class: "more", type: "button", hidden: true, onclick: () => void this.#earlier() }, t.lot.earlier);
    this.facts = h("dl", { class: "facts" });
    this.elements = [
      h("a", { class: "back", href: "#/" }, `← ${t.lot.back}`),
      h("div", { class: "lot-top" },
        h("div", { class: "lot-left" },
          h("div", { class: "lot-picture" }, plate(auction.id)), this.pace.element),
        h("div", { class: "lot-main" },
          h("h1", { tabindex: "-1" }, auction.title),
          h("div", { class: "lot-clock" }, this.time, this.ends),
          h("div", { class: "lot-price" }, h("div", {}, this.priceLabel, this.price, this.meta), this.standing),
          this.bidding.element)),
      h("div", { class: "lot-grid" },
        h("section", { class: "sheet bids", "aria-label": t.lot.history },
          h("div", { class: "sheet-head" }, h("h2", {}, t.lot.history), legend()),
          this.history.element, this.earlier),
        h("div", { class: "side" },
          h("section", { class: "sheet", "aria-label": t.lot.chart },
            h("div", { class: "sheet-head" }, h("h2", {}, t.lot.chart), this.chartRange), this.chart.element),
          h("section", { class: "sheet", "aria-label": t.lot.details },
            h("h2", {}, t.lot.details),
            auction.description && h("p", { class: "description" }, auction.description), this.facts))),
    ];
    page.ticker.add(this);
    this.#paintState();
    this.#paintBids();
  }

  leave() {
    this.page.ticker.remove(this);
    this.pace.leave();
  }

  /** @param {Auction} state */
  update(state) {
    if (state.version < this.auction.version) return;
    this.auction = { ...this.auction, ...state };
    onFrame(this, () => this.#paintState());
    this.page.ticker.soon();
  }

  /** @param {WatchedBid} bid */
  add(bid) {
    this.#fresh.push(bid);
    // A hidden page has its turn once a minute: it is not to keep what came since then.
    if (this.#fresh.length >= FRESH_MAX) this.#paintBids();
    else onFrame(this.#fresh, () => this.#paintBids());
  }

  #paintState() {
    const { auction } = this;
    const shown = money(auction.currentPrice ?? auction.openingPrice, auction, language);
    const isNew = this.price.textContent !== "" && this.price.textContent !== shown;
    setText(this.price, shown);
    if (isNew) flash(this.price);
    setText(this.priceLabel, auction.currentPrice === null ? t.openingPrice
      : auction.status === "CLOSED" ? (auction.winnerId === null ? t.endedAt : t.soldFor) : t.currentPrice);
    const reserve = !auction.hasReserve ? t.reserve.none : auction.reserveMet ? t.reserve.met : t.reserve.open;
    const leader = auction.leaderId === null || auction.leaderId === this.page.session.me.id ? "" : ` · ${auction.leaderId}`;
    setText(this.meta, `${auction.sequence === 0 ? t.noBids : plural(auction.sequence, t.bids)}${leader} · ${reserve}`);
    this.#paintStanding();
    this.bidding.update(auction);
    this.#paintFacts();
  }

  #paintStanding() {
    const { auction, page } = this;
    const standing = page.standingOf(auction);
    const before = this.#standing;
    this.#standing = standing;
    this.standing.className = `standing ${standing ?? ""}`;
    setText(this.standing, standing ? t.standing[standing] : "");
    document.title = standing ? `${t.standing[standing]}: ${this.title}` : this.title;
    if (standing === before) return;
    if (standing !== "LEADING") this.bidding.clear();
    if (before === undefined && standing !== "WON") return;
    flash(this.standing);
    const price = money(auction.currentPrice ?? "0", auction, language);
    if (standing === "OUTBID") say(t.say.outbid(auction.title, price), { isUrgent: true });
    if (standing === "WON") say(t.say.won(auction.title), { isUrgent: true });
    if (standing === "LOST") say(t.say.lost(auction.title), { isUrgent: true });
  }

  #paintFacts() {
    const { auction } = this;
    const opensAt = auction.opensAt === null ? [] : [[
      auction.status === "DRAFT" ? t.lot.willOpen : t.lot.opens, dayAndTime(parseTime(auction.opensAt))]];
    const extended = auction.extensions > 0 ? ` (${plural(auction.extensions, t.lot.extensions)})` : "";
    const facts = [
      [t.lot.seller, auction.sellerId],
      ...opensAt,
      [t.lot.ends, dayAndTime(parseTime(auction.endsAt))],
      [t.openingPrice, money(auction.openingPrice, auction, language)],
      [t.lot.increment, money(auction.minimumIncrement, auction, language)],
      ...(auction.softCloseSeconds > 0
        ? [[t.lot.softClose, t.lot.softCloseText(duration(auction.softCloseSeconds * 1000, language, "long")) + extended]] : []),
    ];
    const text = facts.flat().join("\n");
    if (this.#factsText === text) return;
    this.#factsText = text;
    this.facts.replaceChildren(...facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
    setText(this.ends, dayAndTime(parseTime(auction.endsAt)));
  }

  #factsText = "";

  #paintBids() {
    const { auction, page } = this;
    const bids = this.#fresh.splice(0);
    for (const bid of bids) this.chart.add({ sequence: bid.sequence, amount: Number(bid.amount) });
    this.history.add(bids);
    set(this.earlier, "hidden", this.history.first === Infinity || this.history.first <= 1);
    const [low, high] = this.chart.range.map((amount) => (amount === undefined ? "" : money(String(amount), auction, language)));
    setText(this.chartRange, this.chart.size > 1 ? `${low} → ${high}` : "");
    this.chart.paint(this.chart.size === 0 ? t.noBids : t.lot.chartLabel(low ?? "", high ?? "", plural(this.chart.size, t.bids)));
    const last = bids.findLast(({ isReplayed }) => !isReplayed);
    if (!last) return;
    page.deliveries.painted(last.arrivedAt, () => page.session.client.clock.localNow());
    const now = performance.now();
    if (last.bidderId === page.session.me.id || now - this.#spokenAt < SPEAK_EVERY_MS) return;
    this.#spokenAt = now;
    say(t.say.bid(money(last.amount, auction, language), last.bidderId));
  }

  /** @type {string | null} */
  #cursor = null;

  /** Reads bids before those that are shown; the first page has some that are. */
  async #earlier() {
    const { client } = this.page.session;
    const { signal } = this;
    /** @type {import("./history.js").ShownBid[]} */
    let found = [];
    do {
      const variables = { auctionId: this.auction.id, first: EARLIER, after: this.#cursor, newestFirst: true };
      const { auction } = await client.query(BidHistoryDocument, variables, { signal });
      if (!auction) return;
      this.#cursor = auction.bids.pageInfo.endCursor;
      const earlier = auction.bids.nodes.filter(({ sequence }) => sequence < this.history.first);
      found = earlier.map((bid) => ({ ...bid, isReplayed: true, arrivedAt: 0 }));
      if (!auction.bids.pageInfo.hasNextPage) break;
    } while (found.length === 0);
    this.history.addEarlier(found);
    this.chart.addEarlier(found.map(({ sequence, amount }) => ({ sequence, amount: Number(amount) })).reverse());
    set(this.earlier, "hidden", this.history.first <= 1);
    onFrame(this.#fresh, () => this.#paintBids());
  }

  /** Paints the countdown. @param {number} now */
  paint(now) {
    return paintTime(this.time, this.auction, now);
  }
}
