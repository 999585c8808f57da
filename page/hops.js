// A bid's way as a bar: one part per hop, as wide as the time it took.
import { h } from "./dom.js";
import { milliseconds, t } from "./language.js";

/** @typedef {import("../clients/typescript/dist/index.js").Hops} Hops */

export const HOPS = /** @type {const} */ (["request", "lane", "store", "relay", "deliver"]);

/** The sum, if no hop is missing but perhaps the first: a bidder need not say when they sent. @param {Hops} hops */
export function totalOf(hops) {
  const parts = [hops.lane, hops.store, hops.relay, hops.deliver];
  if (parts.some((ms) => ms === undefined)) return undefined;
  return parts.reduce((sum, ms) => /** @type {number} */ (sum) + /** @type {number} */ (ms), hops.request ?? 0);
}

/** @param {Hops} hops */
export function bar(hops) {
  const known = HOPS.filter((name) => hops[name] !== undefined);
  const text = known.map((name) => `${t.hops[name]} ${milliseconds(hops[name] ?? 0)}`).join(", ");
  const parts = known.map((name) => {
    const part = h("span", { class: `hop ${name}` });
    part.style.flexGrow = String(Math.max(hops[name] ?? 0, 0.001));
    return part;
  });
  return h("span", { class: "hops", role: "img", "aria-label": text, title: text }, ...parts);
}

export function legend() {
  return h("ul", { class: "legend" }, ...HOPS.map((name) =>
    h("li", { title: t.hops.hints[name] }, h("span", { class: `swatch ${name}` }), t.hops[name])));
}
