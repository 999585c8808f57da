// Where a bidder stands in an auction, from what everybody may see of it and where they bid.

/** @typedef {"LEADING" | "OUTBID" | "WON" | "LOST"} Standing */

/**
 * @param {{ status: string, leaderId: string | null, winnerId: string | null }} auction
 * @param {string | null} me @param {boolean} hasBid
 * @returns {Standing | undefined}
 */
export function standingOf(auction, me, hasBid) {
  if (me === null) return undefined;
  const isLeader = auction.leaderId === me;
  if (auction.status === "CLOSED") {
    if (auction.winnerId === me) return "WON";
    return isLeader || hasBid ? "LOST" : undefined;
  }
  if (auction.status !== "OPEN") return undefined;
  if (isLeader) return "LEADING";
  return hasBid ? "OUTBID" : undefined;
}

const KEPT_MAX = 200;

/** The auctions on which a user bid from this browser. */
export class MyBids {
  /** @param {string | null} me @param {Pick<Storage, "getItem" | "setItem">} [storage] */
  constructor(me, storage = localStorage) {
    this.key = `gavel.bids.${me}`;
    this.storage = storage;
    /** @type {Set<string>} */
    this.ids = new Set(me === null ? [] : JSON.parse(storage.getItem(this.key) ?? "[]"));
    this.isSomebody = me !== null;
  }

  /** @param {string} auctionId */
  has(auctionId) {
    return this.ids.has(auctionId);
  }

  /** @param {string} auctionId */
  add(auctionId) {
    if (!this.isSomebody || this.ids.has(auctionId)) return;
    this.ids.add(auctionId);
    this.storage.setItem(this.key, JSON.stringify([...this.ids].slice(-KEPT_MAX)));
  }
}
