// What the views share: who is here, the clock's ticks, what was measured, and where they bid.
import { MyStandingsDocument } from "../clients/typescript/dist/index.js";
import { Deliveries } from "./deliveries.js";
import { MyBids, standingOf } from "./standing.js";
import { Ticker } from "./ticker.js";

/** @typedef {import("./session.js").Session} Session */

/** Auctions that are looked up when somebody comes. */
const LOOKED_UP = 100;

export class Page extends EventTarget {
  deliveries = new Deliveries();

  /** @param {Session} session */
  constructor(session) {
    super();
    this.session = session;
    this.ticker = new Ticker(() => session.client.clock.now());
    this.myBids = new MyBids(session.me.id);
    session.addEventListener("change", () => {
      this.myBids = new MyBids(session.me.id);
      void this.#lookUp();
    });
  }

  /** Learns where the visitor has bid, on whatever device; tells the views. */
  async #lookUp() {
    const { me, client } = this.session;
    if (me.id === null) return;
    const { myBids } = this;
    try {
      const found = await client.query(MyStandingsDocument, { first: LOOKED_UP, after: null });
      for (const { auction } of found.me.standings.nodes) myBids.add(auction.id);
      this.dispatchEvent(new Event("standings"));
    } catch {
      // What this browser knows has to do.
    }
  }

  /** @param {import("../clients/typescript/dist/index.js").Auction} auction */
  standingOf(auction) {
    return standingOf(auction, this.session.me.id, this.myBids.has(auction.id));
  }
}
