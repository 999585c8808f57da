// Placing a bid: the next amounts as buttons, another amount, and what became of it.
import { GavelError, OutcomeUnknownError, randomKey } from "../clients/typescript/dist/index.js";
import { h, set, setText } from "./dom.js";
import { openIdentity } from "./identity.js";
import { language, t } from "./language.js";
import { decimal, money, parseMoney } from "./money.js";

/**
 * @typedef {import("./page.js").Page} Page
 * @typedef {import("../clients/typescript/dist/index.js").Auction} Auction
 */

/** What became of an auction that takes no bids, in a sentence. @param {Auction} auction @param {string | null} me */
function resultOf({ status, sequence, winnerId }, me) {
  if (status === "DRAFT") return t.results.draft;
  if (status === "CANCELLED") return t.results.cancelled;
  if (winnerId !== null) return winnerId === me ? t.results.won : t.results.sold(winnerId);
  return sequence === 0 ? t.results.noBids : t.results.reserve;
}

export class Bidding {
  #buttons = h("div", { class: "amounts", role: "group", "aria-label": t.lot.next });
  #input = h("input", { id: "amount", inputmode: "decimal", autocomplete: "off", "aria-describedby": "amount-hint" });
  #hint = h("span", { class: "hint", id: "amount-hint" });
  #outcome = h("div", { class: "outcome", role: "status" });
  #form = h("form", { class: "other", onsubmit: (/** @type {Event} */ event) => this.#typed(event) },
    h("label", { for: "amount" }, t.lot.other),
    h("div", { class: "other-row" }, this.#input, h("button", {}, t.lot.place)), this.#hint);
  #signIn = h("button", { class: "primary wide", type: "button", onclick: () => openIdentity(this.page.session) }, t.identity.signIn);
  #forbidden = h("p", { class: "hint" }, t.outcome.forbidden);
  #heading = h("h2", {}, t.lot.next);
  #result = h("p", { class: "result" });
  element = h("section", { class: "bidding", "aria-label": t.lot.next },
    this.#heading, this.#result, this.#buttons, this.#form, this.#signIn, this.#forbidden, this.#outcome);
  #isPlacing = false;

  /** @param {Page} page @param {Auction} auction */
  constructor(page, auction) {
    this.page = page;
    this.auction = auction;
    this.update(auction);
  }

  /** @param {Auction} auction */
  update(auction) {
    this.auction = auction;
    const { me, canBid } = this.page.session;
    const isOpen = auction.status === "OPEN";
    setText(this.#heading, isOpen ? t.lot.next : t.lot.result);
    set(this.element, "aria-label", isOpen ? t.lot.next : t.lot.result);
    setText(this.#result, isOpen ? "" : resultOf(auction, me.id));
    set(this.#result, "hidden", isOpen);
    set(this.#buttons, "hidden", !isOpen || !canBid);
    set(this.#form, "hidden", !isOpen || !canBid);
    set(this.#signIn, "hidden", !isOpen || me.id !== null);
    set(this.#forbidden, "hidden", !isOpen || me.id === null || canBid);
    if (isOpen && canBid) this.#paintAmounts();
  }

  #money(/** @type {string} */ minor) {
    return money(minor, this.auction, language);
  }

  #paintAmounts() {
    const { auction } = this;
    const amounts = auction.nextBids;
    const isMine = auction.leaderId === this.page.session.me.id && !auction.leaderMayRaise;
    // The same buttons with other amounts: focus stays where it is.
    while (this.#buttons.children.length > amounts.length) this.#buttons.lastElementChild?.remove();
    for (const [n, amount] of amounts.entries()) {
      let button = /** @type {HTMLButtonElement | undefined} */ (this.#buttons.children[n]);
      if (!button) {
        button = /** @type {HTMLButtonElement} */ (h("button", { type: "button", class: n === 0 ? "primary" : "" }));
        button.addEventListener("click", (event) => {
          void this.place(/** @type {HTMLElement} */ (event.currentTarget).dataset.amount ?? "");
        });
        this.#buttons.append(button);
      }
      button.dataset.amount = amount;
      setText(button, n === 0 ? t.lot.bidFor(this.#money(amount)) : this.#money(amount));
      set(button, "aria-label", t.lot.bidFor(this.#money(amount)));
      set(button, "aria-disabled", this.#isPlacing || isMine ? "true" : undefined);
    }
    setText(this.#hint, t.lot.otherHint(this.#money(auction.minimumBid)));
    set(this.#input, "placeholder", decimal(auction.minimumBid, auction.currencyDigits));
  }

  /** @param {Event} event */
  #typed(event) {
    event.preventDefault();
    const amount = parseMoney(this.#input.value, this.auction.currencyDigits);
    set(this.#input, "aria-invalid", amount === undefined ? "true" : undefined);
    if (amount === undefined) {
      this.#said("bad", t.outcome.invalid(this.#money(this.auction.minimumBid)));
      this.#input.focus();
      return;
    }
    void this.place(amount);
  }

  /** @param {string} amount @param {string} [key] that of an earlier attempt, to learn its outcome */
  async place(amount, key = randomKey()) {
    const { page, auction } = this;
    const isMine = auction.leaderId === page.session.me.id && !auction.leaderMayRaise;
    if (this.#isPlacing) return;
    if (isMine) return this.#said("", t.outcome.ALREADY_LEADING);
    this.#isPlacing = true;
    set(this.element, "aria-busy", "true");
    this.#said("", t.lot.placing);
    this.update(auction);
    try {
      const answer = await page.session.client.placeBid({ auctionId: auction.id, amount, idempotencyKey: key });
      if (answer.__typename === "BidAccepted") {
        page.myBids.add(auction.id);
        this.#input.value = "";
        const isOvertaken = this.auction.sequence > answer.bid.sequence && this.auction.leaderId !== page.session.me.id;
        const shown = this.#money(answer.bid.amount);
        this.#said("good", isOvertaken ? t.outcome.acceptedOvertaken(shown) : t.outcome.accepted(shown));
      } else {
        this.#said("bad", this.#rejected(answer));
      }
    } catch (error) {
      this.#failed(error, amount);
    } finally {
      this.#isPlacing = false;
      set(this.element, "aria-busy", undefined);
      this.update(this.auction);
    }
  }

  /** @param {{ code: import("../clients/typescript/dist/index.js").BidRejectedCode, minimumBid: string }} answer */
  #rejected({ code, minimumBid }) {
    if (code === "TOO_LOW") return t.outcome.TOO_LOW(this.#money(minimumBid));
    if (code === "TOO_HIGH") return t.outcome.TOO_HIGH(this.#money(this.auction.maximumBid));
    return t.outcome[code];
  }

  /** @param {unknown} error @param {string} amount */
  #failed(error, amount) {
    if (error instanceof OutcomeUnknownError) {
      const { idempotencyKey } = error;
      const ask = h("button", { type: "button", onclick: () => void this.place(amount, idempotencyKey) }, t.outcome.ask);
      return this.#said("bad", t.outcome.unknown, ask);
    }
    const code = error instanceof GavelError ? error.code : "";
    if (code === "UNAUTHENTICATED") return this.#said("bad", t.outcome.signIn);
    if (code === "FORBIDDEN") return this.#said("bad", t.outcome.forbidden);
    const isBusy = error instanceof GavelError && error.isRetryable;
    this.#said("bad", isBusy ? t.outcome.busy : t.outcome.failed);
  }

  /** @param {string} how @param {string} text @param {HTMLElement} [more] */
  #said(how, text, more) {
    this.#outcome.className = `outcome ${how}`;
    this.#outcome.replaceChildren(h("p", {}, text), ...(more ? [more] : []));
  }

  /** What was said about the last bid no longer holds. */
  clear() {
    if (!this.#isPlacing) this.#outcome.replaceChildren();
  }
}
