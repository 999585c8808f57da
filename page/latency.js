// Percentiles of this page's own deliveries: the latest ones, in a ring of fixed size.

const KEPT = 1_000;
/** A percentile needs ten samples beyond it. */
const BEYOND = 10;

export class Latencies {
  #ring = new Float64Array(KEPT);
  /** How many were ever added. */
  count = 0;

  /** @param {number} ms */
  add(ms) {
    this.#ring[this.count % KEPT] = ms;
    this.count += 1;
  }

  /** @param {number} share 0.5 for the median @returns {number | undefined} */
  percentile(share) {
    const kept = Math.min(this.count, KEPT);
    if (kept * Math.min(share, 1 - share) < BEYOND) return undefined;
    const sorted = this.#ring.slice(0, kept).sort();
    return sorted[Math.min(kept - 1, Math.floor(kept * share))];
  }
}
