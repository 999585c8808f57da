// How fast bids get to this page, measured here and now.
import { h, onFrame, setText } from "./dom.js";
import { language, milliseconds, t } from "./language.js";

/** @typedef {import("./deliveries.js").Deliveries} Deliveries */

export class Pace {
  #median = h("dd");
  #high = h("dd");
  #live = h("dd");
  #replayed = h("dd");
  element = h("section", { class: "pace", "aria-label": t.pace.title },
    h("h2", {}, t.pace.title),
    h("dl", {}, ...[
      [t.pace.median, this.#median], [t.pace.high, this.#high], [t.pace.live, this.#live], [t.pace.replayed, this.#replayed],
    ].map(([name, value]) => h("div", {}, h("dt", {}, name), value))));

  /** @param {Deliveries} deliveries */
  constructor(deliveries) {
    this.deliveries = deliveries;
    deliveries.addEventListener("change", this.#changed);
    this.#paint();
  }

  leave() {
    this.deliveries.removeEventListener("change", this.#changed);
  }

  #changed = () => onFrame(this, () => this.#paint());

  #paint() {
    const { total, replayed } = this.deliveries;
    const shown = (/** @type {number} */ share) => {
      const ms = total.percentile(share);
      return ms === undefined ? "–" : milliseconds(ms);
    };
    const count = new Intl.NumberFormat(language);
    setText(this.#median, shown(0.5));
    setText(this.#high, shown(0.99));
    setText(this.#live, count.format(total.count));
    setText(this.#replayed, count.format(replayed));
    // A percentile of too few bids would be a guess.
    this.#high.title = total.percentile(0.99) === undefined ? t.connection.tooFew : "";
    this.#median.title = total.percentile(0.5) === undefined ? t.connection.tooFew : "";
  }
}
