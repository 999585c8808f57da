// The page's words. Another language is a file beside languages/en.js and a line in `known`.
import { en } from "./languages/en.js";

/** @type {Record<string, Partial<typeof en>>} */
const known = { en };

/** @param {readonly string[]} preferred */
export function choose(preferred) {
  for (const tag of preferred) {
    for (const name of [tag, tag.split("-")[0] ?? ""]) if (known[name]) return { name, tag };
  }
  return { name: "en", tag: "en" };
}

const chosen = choose(globalThis.navigator?.languages ?? ["en"]);

/** The language of numbers, amounts and times. */
export const language = chosen.tag;

/** The words; those that a language lacks are English. @type {typeof en} */
export const t = { ...en, ...known[chosen.name] };

/** @param {string} [name] */
export function setDocumentLanguage(name = chosen.name) {
  document.documentElement.lang = name;
}

const plurals = new Intl.PluralRules(language);

/** @param {number} count @param {{ one?: string, other: string }} forms with {n} for the number */
export function plural(count, forms) {
  const form = /** @type {Record<string, string>} */ (forms)[plurals.select(count)] ?? forms.other;
  return form.replace("{n}", new Intl.NumberFormat(language).format(count));
}

const clockFormat = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dayFormat = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });

/** @param {number} ms */
export const timeOfDay = (ms) => clockFormat.format(ms);
/** @param {number} ms */
export const dayAndTime = (ms) => dayFormat.format(ms);

/** A short time, such as a latency. @param {number} ms */
export function milliseconds(ms) {
  const digits = ms < 10 ? 1 : 0;
  return `${new Intl.NumberFormat(language, { maximumFractionDigits: digits, minimumFractionDigits: digits }).format(ms)} ms`;
}
