/** Texts, numbers and addresses as the page's language and shop write them. */

const page = document.documentElement;
const language = page.lang;
/** @type {Map<string, Intl.NumberFormat>} */
const moneyFormats = new Map();
const timeFormat = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
const clockFormat = new Intl.DateTimeFormat(language, { timeStyle: "short" });

/**
 * @param {number} amount
 * @param {string} [currency] That of the cart or order; the shop's own where there is none.
 */
export function formatMoney(amount, currency = page.dataset.currency ?? "CNY") {
  let format = moneyFormats.get(currency);
  if (!format) {
    const currencyDisplay = "narrowSymbol";
    format = new Intl.NumberFormat(language, { style: "currency", currency, currencyDisplay });
    moneyFormats.set(currency, format);
  }
  return format.format(amount);
}

/** @param {string} iso */
export function formatTime(iso) {
  return timeFormat.format(new Date(iso));
}

/** @param {string} iso */
export function formatClock(iso) {
  return clockFormat.format(new Date(iso));
}

/** @param {Record<string, string>} attributes */
export function formatVariant(attributes) {
  return Object.values(attributes).join(" / ");
}

/**
 * Put values into a translated text: `%(name)s`.
 *
 * @param {string} text
 * @param {Record<string, string | number>} values
 */
export function fill(text, values) {
  return interpolate(text, values, true);
}

/**
 * Return the address of one of the shop's pages.
 *
 * @param {string} path
 * @param {Record<string, string | number | undefined>} [query]
 */
export function pageAddress(path, query = {}) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== "") parameters.set(name, String(value));
  }
  return `${page.dataset.root}${path}${parameters.size ? `?${parameters}` : ""}`;
}
