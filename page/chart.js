// The price over the bids, as steps. It keeps a bounded number of points, however many bids there were.
import { h, set } from "./dom.js";

const POINTS_MAX = 400;
const WIDTH = 640;
const HEIGHT = 150;
const EDGE = 8;

/** @typedef {{ sequence: number, amount: number }} Point */

/**
 * Halves the points if there are too many; first and last stay.
 * @param {Point[]} points @returns {Point[]}
 */
export function thinned(points) {
  if (points.length <= POINTS_MAX) return points;
  return points.filter((_, n) => n % 2 === 0 || n === points.length - 1);
}

/** @param {readonly Point[]} points @param {number} opening */
export function pathOf(points, opening) {
  const first = points[0];
  const last = points.at(-1);
  if (!first || !last) return { line: "", area: "", end: undefined };
  const low = Math.min(opening, first.amount);
  const span = Math.max(last.amount - low, 1);
  // One step more than there are bids after the first: the last price is a line, too.
  const steps = last.sequence - first.sequence + 1;
  const x = (/** @type {Point} */ point) => round(EDGE + ((point.sequence - first.sequence) / steps) * (WIDTH - 2 * EDGE));
  const y = (/** @type {Point} */ point) => round(HEIGHT - EDGE - ((point.amount - low) / span) * (HEIGHT - 3 * EDGE));
  let line = `M ${EDGE} ${y(first)}`;
  for (const point of points.slice(1)) line += ` H ${x(point)} V ${y(point)}`;
  line += ` H ${WIDTH - EDGE}`;
  const end = { x: WIDTH - EDGE, y: y(last) };
  return { line, area: `${line} V ${HEIGHT} H ${EDGE} Z`, end };
}

/** @param {number} value */
const round = (value) => Math.round(value * 10) / 10;

export class Chart {
  /** @type {Point[]} */
  #points = [];
  #area = h("svg:path", { class: "chart-area" });
  #line = h("svg:path", { class: "chart-line", fill: "none" });
  #dot = h("svg:circle", { class: "chart-dot", r: 4.5, visibility: "hidden" });
  element = h("svg:svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" },
    ...[0.25, 0.5, 0.75].map((share) => h("svg:path", { class: "chart-grid", d: `M 0 ${HEIGHT * share} H ${WIDTH}` })),
    this.#area, this.#line, this.#dot);

  /** @param {number} opening the opening price */
  constructor(opening) {
    this.opening = opening;
  }

  /** @param {Point} point */
  add(point) {
    this.#points = thinned([...this.#points, point]);
  }

  /** Bids before those that are shown. @param {Point[]} points */
  addEarlier(points) {
    let all = [...points, ...this.#points];
    while (all.length > POINTS_MAX) all = thinned(all);
    this.#points = all;
  }

  get size() {
    return this.#points.length;
  }

  get range() {
    return [this.#points[0]?.amount, this.#points.at(-1)?.amount];
  }

  /** @param {string} label what it shows, in words */
  paint(label) {
    const { line, area, end } = pathOf(this.#points, this.opening);
    set(this.#line, "d", line);
    set(this.#area, "d", area);
    set(this.#dot, "visibility", end ? "visible" : "hidden");
    if (end) {
      set(this.#dot, "cx", end.x);
      set(this.#dot, "cy", end.y);
    }
    set(this.element, "aria-label", label);
  }
}
