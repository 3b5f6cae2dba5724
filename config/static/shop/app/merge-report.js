/** What became of the guest's cart at login, told on the page that comes next. */

import { fill } from "./format.js";
import { describeReason } from "./refusals.js";

/** @import { Cart, MergeReport } from "../cart-client.js" */
/** @typedef {{ summary: string, details: string[] }} Report */

const KEY = "cartwright.merge-report";

/**
 * Keep a report for the next page; nothing if the merge had nothing to do.
 *
 * @param {MergeReport | null} merge
 * @param {(Cart | null)[]} carts Where the names of the merged products can be found.
 */
export function keepMergeReport(merge, carts) {
  if (merge === null || merge.mergedItems + merge.skipped.length === 0) return;
  const names = nameSkus(carts);
  const summary = ngettext(
    "%(count)s item from before you logged in was added to your cart.",
    "%(count)s items from before you logged in were added to your cart.",
    merge.mergedItems,
  );
  const details = [
    ...merge.capped.map(({ skuId, requested, quantity, reason }) =>
      fill(gettext("%(name)s: %(quantity)s instead of %(requested)s (%(reason)s)"), {
        name: names.get(skuId) ?? skuId,
        quantity,
        requested,
        reason: describeReason(reason),
      }),
    ),
    ...merge.skipped.map(({ skuId, reason }) =>
      fill(gettext("%(name)s: left out (%(reason)s)"), {
        name: names.get(skuId) ?? skuId,
        reason: describeReason(reason),
      }),
    ),
  ];
  /** @type {Report} */
  const report = { summary: fill(summary, { count: merge.mergedItems }), details };
  sessionStorage.setItem(KEY, JSON.stringify(report));
}

/**
 * Return the report that is kept, once.
 *
 * @returns {Report | null}
 */
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
