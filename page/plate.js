// A picture for a lot that has none: shapes and colours drawn from its id, so that a lot looks the
// same everywhere and like no other.
import { h } from "./dom.js";

/** @param {string} text */
function hash(text) {
  let value = 2166136261;
  for (const character of text) value = Math.imul(value ^ (character.codePointAt(0) ?? 0), 16777619);
  return value >>> 0;
}

/** @param {number} seed */
function numbers(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Ground, and three tints, of colours that go together. */
const PALETTES = [
  ["#233a4d", "#e7b56c", "#d8673f", "#f3e7d0"],
  ["#43283b", "#e0a09a", "#f1d8b8", "#8f4a55"],
  ["#1f4a42", "#e8d9a9", "#c9803d", "#8fb996"],
  ["#5b2c22", "#efc69a", "#d46f4d", "#f6ead7"],
  ["#2d2f57", "#c7b6e6", "#e79c7a", "#f2e6cf"],
  ["#3b4a2b", "#d9cf8b", "#b6703a", "#eee6cb"],
  ["#174257", "#9fd0cf", "#f0c987", "#e06d53"],
];

const WIDTH = 400;
const HEIGHT = 260;

/** @param {string} id */
export function plate(id) {
  const next = numbers(hash(id));
  const [ground, ...tints] = PALETTES[Math.floor(next() * PALETTES.length)] ?? [];
  const tint = () => tints[Math.floor(next() * tints.length)];
  const shapes = [vessel, arcs, sun, columns];
  const draw = shapes[Math.floor(next() * shapes.length)] ?? arcs;
  return h("svg:svg", { class: "plate", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "xMidYMid slice", "aria-hidden": "true", focusable: "false" },
    h("svg:rect", { width: WIDTH, height: HEIGHT, fill: ground }),
    ...draw(next, tint));
}

/** @param {() => number} next @param {() => string | undefined} tint */
function vessel(next, tint) {
  const [neck, belly, foot] = [18 + next() * 22, 52 + next() * 48, 26 + next() * 26];
  const waist = 92 + next() * 40;
  const x = WIDTH / 2;
  const side = (/** @type {number} */ sign) =>
    `C ${x + sign * neck} 80, ${x + sign * belly} ${waist - 25}, ${x + sign * belly} ${waist + 25} S ${x + sign * foot} 205, ${x + sign * foot} 215`;
  const path = `M ${x - neck} 44 ${side(-1)} L ${x + foot} 215 C ${x + foot} 205, ${x + belly} ${waist + 70}, ${x + belly} ${waist + 25} S ${x + neck} 80, ${x + neck} 44 Z`;
  const colour = tint();
  return [
    h("svg:circle", { cx: 90 + next() * 220, cy: 110, r: 80 + next() * 30, fill: tint(), opacity: 0.35 }),
    h("svg:rect", { y: 214, width: WIDTH, height: 46, fill: tint(), opacity: 0.5 }),
    h("svg:path", { d: path, fill: colour }),
    h("svg:path", { d: `M ${x - belly * 0.82} ${waist + 12} H ${x + belly * 0.82}`, stroke: tint(), "stroke-width": 7 + next() * 9, opacity: 0.7 }),
    h("svg:ellipse", { cx: x, cy: 44, rx: neck, ry: 6, fill: "#0006" }),
  ];
}

/** @param {() => number} next @param {() => string | undefined} tint */
function arcs(next, tint) {
  const size = 65;
  const found = [];
  for (let x = 0; x < WIDTH; x += size) {
    for (let y = 0; y < HEIGHT; y += size) {
      const turn = Math.floor(next() * 4) * 90;
      if (next() < 0.18) continue;
      found.push(h("svg:path", {
        d: `M 0 0 H ${size} A ${size} ${size} 0 0 1 0 ${size} Z`,
        fill: tint(), opacity: 0.55 + next() * 0.45,
        transform: `translate(${x} ${y}) rotate(${turn} ${size / 2} ${size / 2})`,
      }));
    }
  }
  return found;
}

/** @param {() => number} next @param {() => string | undefined} tint */
function sun(next, tint) {
  const [x, y] = [110 + next() * 180, 90 + next() * 30];
  const rings = [3, 2, 1].map((n) => h("svg:circle", { cx: x, cy: y, r: n * 26 + next() * 12, fill: tint(), opacity: 1 - n * 0.22 }));
  const hills = [0, 1, 2].map((n) => {
    const base = 150 + n * 30;
    return h("svg:path", {
      d: `M 0 ${base + next() * 20} C 100 ${base - 50 * next()}, 220 ${base + 50 * next()}, ${WIDTH} ${base - 20 * next()} V ${HEIGHT} H 0 Z`,
      fill: tint(), opacity: 0.5 + n * 0.2,
    });
  });
  return [...rings, ...hills];
}

/** @param {() => number} next @param {() => string | undefined} tint */
function columns(next, tint) {
  const found = [];
  for (let x = 30; x < WIDTH - 40;) {
    const width = 14 + next() * 34;
    const height = 60 + next() * 150;
    const round = next() < 0.4 ? width / 2 : 2;
    found.push(h("svg:rect", { x, y: 232 - height, width, height, rx: round, fill: tint(), opacity: 0.6 + next() * 0.4 }));
    if (next() < 0.5) found.push(h("svg:rect", { x, y: 232 - height + 14 + next() * 20, width, height: 6, fill: tint() }));
    x += width + 5;
  }
  found.push(h("svg:rect", { y: 232, width: WIDTH, height: 28, fill: "#0003" }));
  return found;
}
