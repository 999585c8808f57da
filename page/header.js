// The bar at the top: who is here, and how the connection is.
import { h, onFrame, setText } from "./dom.js";
import { openIdentity } from "./identity.js";
import { language, milliseconds, plural, t, timeOfDay } from "./language.js";
import { duration } from "./countdown.js";

/**
 * @typedef {import("./session.js").Session} Session
 * @typedef {import("./deliveries.js").Deliveries} Deliveries
 */

const SOON_MS = 30_000;

export class Header {
  #chip = h("span", { class: "dot" });
  #chipText = h("span", { class: "chip-text" });
  #chipLatency = h("span", { class: "chip-latency" });
  #popover = h("details", { class: "connection", ontoggle: () => this.#paint() });
  #details = h("dl", { class: "facts" });
  #who = h("button", { class: "who", type: "button", "aria-haspopup": "dialog" });
  #notice = /** @type {HTMLElement} */ (document.getElementById("notice"));
  #wasLost = false;

  /** @param {Session} session @param {Deliveries} deliveries */
  constructor(session, deliveries) {
    this.session = session;
    this.deliveries = deliveries;
    this.#who.addEventListener("click", () => openIdentity(session));
    const paint = () => onFrame(this, () => this.#paint());
    for (const name of ["change", "state"]) session.addEventListener(name, paint);
    deliveries.addEventListener("change", paint);
    // For the time that a sign-in has left.
    setInterval(paint, 1000);
    paint();
  }

  element() {
    const popover = this.#popover;
    popover.append(
      h("summary", {}, h("span", { class: "hidden" }, `${t.connection.state}: `), this.#chip, this.#chipText, this.#chipLatency),
      h("div", { class: "panel" }, h("h2", {}, t.connection.label), this.#details));
    document.addEventListener("click", (event) => {
      if (!popover.contains(/** @type {Node} */ (event.target))) popover.removeAttribute("open");
    });
    popover.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Escape") return;
      popover.removeAttribute("open");
      popover.querySelector("summary").focus();
    });
    return [
      h("a", { class: "brand", href: "#/" },
        h("img", { src: "/page/icon.svg", alt: "", width: 28, height: 28 }), h("span", {}, t.name)),
      h("div", { class: "tools" }, popover,
        h("button", { class: "quiet theme", type: "button", "aria-label": t.theme, onclick: switchTheme }, "◐"),
        this.#who),
    ];
  }

  #paint() {
    const { session, deliveries } = this;
    const { state } = session.client;
    setText(this.#chipText, t.connection[state.status]);
    this.#chip.className = `dot ${state.status}`;
    const median = deliveries.total.percentile(0.5);
    setText(this.#chipLatency, median === undefined ? "" : milliseconds(median));
    this.#paintWho();
    if (this.#popover.open) this.#paintFacts();
    this.#paintNotice();
  }

  #paintWho() {
    const { identity, me } = this.session;
    const isSomebody = me.id !== null && identity.kind !== "anonymous";
    this.#who.classList.toggle("somebody", isSomebody);
    this.#who.replaceChildren(...(isSomebody
      ? [h("span", { class: "who-label" }, `${this.session.canBid ? t.identity.bidsAs : t.identity.signedInAs} `), h("b", {}, me.id)]
      : [t.identity.signIn]));
  }

  #paintFacts() {
    const { client } = this.session;
    const { state, clock } = client;
    const { deliveries } = this;
    const shown = (/** @type {number | undefined} */ ms) => (ms === undefined ? t.connection.tooFew : milliseconds(ms));
    const offset = clock.isSet
      ? `${milliseconds(clock.offsetMs)} ± ${milliseconds(clock.uncertaintyMs)}`
      : t.connection.clockUnknown;
    const resumed = deliveries.resumed;
    const facts = [
      [t.connection.state, t.connection[state.status]],
      [t.connection.transport, state.status === "open" ? t.connection.via[state.via] : "–"],
      [t.connection.clock, offset],
      [t.connection.deliveries, number(deliveries.total.count)],
      [t.connection.p50, shown(deliveries.total.percentile(0.5))],
      [t.connection.p99, shown(deliveries.total.percentile(0.99))],
      [t.connection.paint, shown(deliveries.paint.percentile(0.99))],
      [t.connection.replayed, plural(deliveries.replayed, t.bids)],
      [t.connection.resumes, resumed ? t.connection.resumedAt(number(resumed.after), timeOfDay(resumed.at)) : t.connection.never],
    ];
    this.#details.replaceChildren(...facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
  }

  #paintNotice() {
    const { client, endsAt, refusal } = this.session;
    const { state } = client;
    const left = endsAt === undefined ? Infinity : endsAt - client.clock.now();
    /** @type {string} */
    let text = "";
    /** @type {(() => void) | undefined} */
    let act;
    if (refusal !== undefined) {
      text = t.identity.refused(refusal);
      act = () => openIdentity(this.session);
    } else if (left <= SOON_MS) {
      text = left > 0 ? t.identity.ends(duration(left, language, "long")) : t.identity.ended;
      act = () => openIdentity(this.session);
    } else if (state.status === "waiting" || (state.status === "connecting" && this.#wasLost)) {
      if (state.status === "waiting") this.#reason = state.reason;
      text = t.connection.lost(this.#reason);
      this.#wasLost = true;
    } else if (state.status === "open" && this.#wasLost) {
      this.#wasLost = false;
      this.#backUntil = performance.now() + 4000;
    }
    if (!text && performance.now() < this.#backUntil) text = t.connection.back;
    if (text === this.#text) return;
    this.#text = text;
    this.#notice.className = text === t.connection.back ? "good" : "";
    this.#notice.replaceChildren(...(text ? [h("span", {}, text)] : []),
      ...(act ? [h("button", { type: "button", onclick: act }, t.identity.renew)] : []));
  }

  #text = "";
  #reason = "";
  #backUntil = 0;
}

/** @param {number} value */
const number = (value) => new Intl.NumberFormat(language).format(value);

const THEME = "gavel.theme";

function switchTheme() {
  const isDark = getComputedStyle(document.documentElement).colorScheme === "dark"
    || (!localStorage.getItem(THEME) && matchMedia("(prefers-color-scheme: dark)").matches);
  localStorage.setItem(THEME, isDark ? "light" : "dark");
  applyTheme();
}

/** The theme that was chosen here, or that of the device. */
export function applyTheme() {
  const chosen = localStorage.getItem(THEME);
  if (chosen) document.documentElement.style.colorScheme = chosen;
}
