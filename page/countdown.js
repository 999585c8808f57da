// How long until an auction ends, in words for the eye and for the ear. Pure: the time is an argument.

/** @typedef {"far" | "near" | "last" | "over"} Urgency */

/** @param {number} ms @returns {Urgency} */
export function urgencyOf(ms) {
  if (ms <= 0) return "over";
  if (ms <= 60_000) return "last";
  return ms <= 600_000 ? "near" : "far";
}

/**
 * The largest two units; in the last minute seconds, which never show 0 while there is time.
 * @param {number} ms @returns {[number, "day" | "hour" | "minute" | "second"][]}
 */
export function unitsOf(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  if (seconds < 60) return [[seconds, "second"]];
  if (seconds < 3600) return [[Math.floor(seconds / 60), "minute"], [seconds % 60, "second"]];
  if (seconds < 86_400) return [[Math.floor(seconds / 3600), "hour"], [Math.floor((seconds % 3600) / 60), "minute"]];
  return [[Math.floor(seconds / 86_400), "day"], [Math.floor((seconds % 86_400) / 3600), "hour"]];
}

/** @param {number} ms @param {string} language @param {"narrow" | "long"} [unitDisplay] */
export function duration(ms, language, unitDisplay = "narrow") {
  const parts = unitsOf(ms).map(([value, unit]) =>
    new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay }).format(value));
  return parts.join(" ");
}

/** When the words change next. @param {number} ms */
export function changesIn(ms) {
  return ms <= 0 ? Infinity : ms % 1000 || 1000;
}
