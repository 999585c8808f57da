// What the views share: who is here, the clock's ticks, what was measured, and where they bid.
import { Deliveries } from "./deliveries.js";
import { MyBids, standingOf } from "./standing.js";
import { Ticker } from "./ticker.js";

/** @typedef {import("./session.js").Session} Session */

export class Page {
  deliveries = new Deliveries();

  /** @param {Session} session */
  constructor(session) {
    this.session = session;
    this.ticker = new Ticker(() => session.client.clock.now());
    this.myBids = new MyBids(session.me.id);
    session.addEventListener("change", () => {
      this.myBids = new MyBids(session.me.id);
    });
  }

  /** @param {import("../clients/typescript/dist/index.js").Auction} auction */
  standingOf(auction) {
    return standingOf(auction, this.session.me.id, this.myBids.has(auction.id));
  }
}
