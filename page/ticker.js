// One timer for all countdowns of the page: it fires when the first of them has other words.
import { onFrame } from "./dom.js";
import { changesIn } from "./countdown.js";

/** @typedef {{ paint: (now: number) => number | undefined }} Ticking paints, and returns the time left */

export class Ticker {
  /** @type {Set<Ticking>} */
  #all = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {() => number} now the server's time */
  constructor(now) {
    this.now = now;
  }

  /** @param {Ticking} one */
  add(one) {
    this.#all.add(one);
    this.soon();
  }

  /** @param {Ticking} one */
  remove(one) {
    this.#all.delete(one);
  }

  /** Paints all of them with the next frame. */
  soon() {
    onFrame(this, () => this.#paint());
  }

  #paint() {
    const now = this.now();
    let next = Infinity;
    for (const one of this.#all) next = Math.min(next, changesIn(one.paint(now) ?? 0));
    clearTimeout(this.#timer);
    if (next < Infinity) this.#timer = setTimeout(() => this.soon(), Math.max(20, next));
  }
}
