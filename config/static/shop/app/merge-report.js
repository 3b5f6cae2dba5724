/** What became of the guest's cart at login, told on the page that comes next. */

import { fill } from "./format.js";
import { describeReason } from "./refusals.js";

/** @import { Cart, MergeReport } from "../cart-client.js" */
/** @typedef {{ summary: string, details: string[] }} Report */

const KEY = "cartwright.merge-report";

/**
 * Keep a report for the next page if the merge had anything to do; the carts name the products.
 *
 * @type {(merge: MergeReport | null, carts: (Cart | null)[]) => void}
 */
export function keepMergeReport(merge, carts) {
  if (merge === null || merge.mergedItems + merge.skipped.length === 0) return;
  const names = nameSkus(carts);
  const describe = (/** @type {{ skuId: string, reason: string }} */ { skuId, reason }) => ({
    name: names.get(skuId) ?? skuId,
    reason: describeReason(reason),
  });
  const summary = ngettext(
    "%(count)s item from before you logged in was added to your cart.",
    "%(count)s items from before you logged in were added to your cart.",
    merge.mergedItems,
  );
  const capped = gettext("%(name)s: %(quantity)s instead of %(requested)s (%(reason)s)");
  const skipped = gettext("%(name)s: left out (%(reason)s)");
  const details = [
    ...merge.capped.map((line) => fill(capped, { ...line, ...describe(line) })),
    ...merge.skipped.map((line) => fill(skipped, { ...line, ...describe(line) })),
  ];
  const report = { summary: fill(summary, { count: merge.mergedItems }), details };
  sessionStorage.setItem(KEY, JSON.stringify(report));
}

/** @returns {Report | null} The report that is kept, once. */
export function takeMergeReport() {
  const text = sessionStorage.getItem(KEY);
  sessionStorage.removeItem(KEY);
  return text === null ? null : JSON.parse(text);
}

/** @param {(Cart | null)[]} carts */
function nameSkus(carts) {
  /** @type {Map<string, string>} */
  const names = new Map();
  for (const cart of carts) {
    cart?.items.forEach(({ skuId, product }) => names.set(skuId, product.name));
    cart?.unavailableItems.forEach(({ skuId, snapshot }) => names.set(skuId, snapshot.name));
  }
  return names;
}
