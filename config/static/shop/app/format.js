/** Texts, numbers and addresses as the page's language and shop write them. */

const page = document.documentElement;
const language = page.lang;
const shopCurrency = page.dataset.currency ?? "CNY";
/** @type {Map<string, Intl.NumberFormat>} */
const moneyFormats = new Map();
const timeFormat = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
const clockFormat = new Intl.DateTimeFormat(language, { timeStyle: "short" });

/** Give the currency of the cart or order; without one, the shop's own is taken. */
export function formatMoney(/** @type {number} */ amount, currency = shopCurrency) {
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

/** @type {(text: string, values: Record<string, string | number>) => string} */
export function fill(text, values) {
  return interpolate(text, values, true);
}

/**
 * Return the address of one of the shop's pages; query entries that are "" are left out.
 *
 * @type {(path: string, query?: Record<string, string | number>) => string}
 */
export function pageAddress(path, query = {}) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== "") parameters.set(name, String(value));
  }
  return `${page.dataset.root}${path}${parameters.size ? `?${parameters}` : ""}`;
}

/**
 * Read parameters of this page's address; "" where one is missing.
 *
 * @type {<T extends string>(...names: T[]) => Record<T, string>}
 */
export function readAddress(...names) {
  const parameters = new URLSearchParams(location.search);
  const entries = names.map((name) => [name, parameters.get(name) ?? ""]);
  return Object.fromEntries(entries);
}
