// Amounts are integers in minor units, as strings. Nothing here calculates with fractions.

/** @type {Map<string, Intl.NumberFormat>} */
const formats = new Map();

/** @param {string} currency @param {number} digits @param {string} language */
function formatOf(currency, digits, language) {
  const key = `${currency} ${digits} ${language}`;
  let format = formats.get(key);
  if (!format) {
    const fraction = { minimumFractionDigits: digits, maximumFractionDigits: digits };
    format = new Intl.NumberFormat(language, { style: "currency", currency, ...fraction });
    formats.set(key, format);
  }
  return format;
}

/** The amount as a decimal number: "2550" with two digits is "25.50". @param {string} minor @param {number} digits */
export function decimal(minor, digits) {
  if (digits === 0) return minor;
  const padded = minor.padStart(digits + 1, "0");
  return `${padded.slice(0, -digits)}.${padded.slice(-digits)}`;
}

/**
 * For people; large whole amounts without a fraction.
 * @param {string} minor @param {{ currency: string, currencyDigits: number }} auction @param {string} language
 */
export function money(minor, { currency, currencyDigits: digits }, language) {
  const isWhole = digits === 0 || (/^0+$/.test(minor.slice(-digits)) && minor.length > digits + 3);
  // As text: a number would be rounded.
  const text = /** @type {any} */ (decimal(minor, digits));
  return formatOf(currency, isWhole ? 0 : digits, language).format(text);
}

/**
 * What somebody typed as minor units, or nothing: digits, with a point or comma before the last
 * ones, with spaces or the other mark between thousands.
 * @param {string} typed @param {number} digits @returns {string | undefined}
 */
export function parseMoney(typed, digits) {
  const text = typed.replace(/[\s\u00a0\u202f']/g, "").replace(/^[^\d.,\u2212-]+|[^\d.,]+$/g, "");
  const parts = /^(\d{1,3}(?:([.,])\d{3})*|\d+)(?:([.,])(\d*))?$/.exec(text);
  if (!parts) return undefined;
  const [, whole = "", thousands, point, fraction = ""] = parts;
  if (thousands && point === thousands) return undefined;
  // "1,500" may be one and a half thousand, or one and a half with three digits.
  if (thousands && !point && digits === 3 && whole.split(thousands).length === 2) return undefined;
  if (fraction.length > digits) return undefined;
  const minor = whole.replace(/[.,]/g, "") + fraction.padEnd(digits, "0");
  const plain = minor.replace(/^0+(?=\d)/, "");
  return plain.length <= 16 && Number(plain) <= Number.MAX_SAFE_INTEGER && plain !== "0" ? plain : undefined;
}
