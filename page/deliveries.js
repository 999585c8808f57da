// What this page measures of its own deliveries.
import { Latencies } from "./latency.js";
import { afterPaint } from "./dom.js";

export class Deliveries extends EventTarget {
  /** From the bidder, or if they gave no time from the service, to this page. */
  total = new Latencies();
  /** From the socket to the screen. */
  paint = new Latencies();
  replayed = 0;
  /** The last time a subscription went on where it was. @type {{ after: number, at: number } | undefined} */
  resumed;

  /** A bid that came live, and how long it took. @param {number} totalMs */
  live(totalMs) {
    this.total.add(totalMs);
    this.#changed();
  }

  history() {
    this.replayed += 1;
    this.#changed();
  }

  /** @param {number} after */
  resume(after) {
    this.resumed = { after, at: Date.now() };
    this.#changed();
  }

  /** Something that arrived at `arrivedAt` is painted in this frame. @param {number} arrivedAt @param {() => number} now */
  painted(arrivedAt, now) {
    if (document.hidden) return;
    afterPaint(() => {
      this.paint.add(now() - arrivedAt);
      this.#changed();
    });
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
