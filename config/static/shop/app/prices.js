/** Prices as every page shows them. */

import { showText } from "./elements.js";
import { formatMoney } from "./format.js";

/**
 * Show the price before a reduction, if there is one.
 *
 * @param {Element} parent
 * @param {{ price: number, originalPrice: number | null }} prices
 * @param {string} [currency]
 */
export function showOriginalPrice(parent, { price, originalPrice }, currency) {
  const isReduced = originalPrice !== null && originalPrice > price;
  showText(parent, "original", isReduced ? formatMoney(originalPrice, currency) : "");
}
