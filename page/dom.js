// Elements, and one paint per frame. Text is only ever set as text: nothing here parses HTML.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element. Attributes that are functions are listeners (`onclick`), those that are `true` are
 * present, `false`, `null` and `undefined` are left out.
 * @param {string} tag `svg:` before the name makes one of SVG
 * @param {Record<string, any>} [attributes]
 * @param {...(Node | string | number | null | undefined | false)} children
 * @returns {any}
 */
export function h(tag, attributes = {}, ...children) {
  const element = tag.startsWith("svg:")
    ? document.createElementNS(SVG, tag.slice(4))
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) set(element, name, value);
  for (const child of children) {
    if (child !== null && child !== undefined && child !== false) element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

/** @param {Element} element @param {string} name @param {any} value */
export function set(element, name, value) {
  if (typeof value === "function") element.addEventListener(name.slice(2), value);
  else if (value === false || value === null || value === undefined) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value === true ? "" : String(value));
}

/** Sets a text, if it is another one. @param {Element} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @type {Map<object, () => void>} */
const due = new Map();

/** Whether frames are waited for, or a timer, which fires in the background, too. */
let isScheduled = false;

/**
 * Paints with the next frame. Of several paints of the same thing the last one counts, so that
 * nothing collects. In the background, where there are no frames, a timer takes their place: the
 * title of a tab is seen there, too.
 * @param {object} what @param {() => void} paint
 */
export function onFrame(what, paint) {
  due.set(what, paint);
  if (isScheduled) return;
  isScheduled = true;
  schedule();
}

function schedule() {
  if (document.hidden) setTimeout(paintAll, 100);
  else requestAnimationFrame(paintAll);
}

// What was waiting for a frame when the page was hidden, or for a timer when it was shown.
globalThis.document?.addEventListener("visibilitychange", () => {
  if (isScheduled) schedule();
});

function paintAll() {
  isScheduled = false;
  const paints = [...due.values()];
  due.clear();
  for (const paint of paints) paint();
}

/** Calls back, from within a frame, once the browser has painted that frame. @param {() => void} callback */
export function afterPaint(callback) {
  const channel = new MessageChannel();
  channel.port1.onmessage = callback;
  channel.port2.postMessage(undefined);
}

/** Lets an element light up for a moment. @param {Element} element */
export function flash(element) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  element.animate({ color: ["var(--accent)"], offset: [0] }, { duration: 700, easing: "ease-out" });
}

const polite = () => /** @type {HTMLElement} */ (document.getElementById("polite"));
const urgent = () => /** @type {HTMLElement} */ (document.getElementById("urgent"));
const SPOKEN_MAX = 3;

/** Says something to a screen reader. @param {string} text @param {{ isUrgent?: boolean }} [how] */
export function say(text, { isUrgent = false } = {}) {
  const region = isUrgent ? urgent() : polite();
  region.append(h("p", {}, text));
  while (region.children.length > SPOKEN_MAX) region.firstElementChild?.remove();
}
