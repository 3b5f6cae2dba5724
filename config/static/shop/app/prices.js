/** Prices as every page shows them. */

import { showText } from "./elements.js";
import { formatMoney } from "./format.js";

/** @typedef {{ price: number, originalPrice: number | null }} Prices */

/** @type {(parent: Element, prices: Prices, currency?: string) => void} */
export function showPrices(parent, { price, originalPrice }, currency) {
  showText(parent, "price", formatMoney(price, currency));
  const isReduced = originalPrice !== null && originalPrice > price;
  showText(parent, "original", isReduced ? formatMoney(originalPrice, currency) : "");
}
