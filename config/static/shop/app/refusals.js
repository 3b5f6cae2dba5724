/** What a refusal by the API means to the person in front of the page. */

import { CartApiError } from "../cart-client.js";
import { fill } from "./format.js";

/** @type {Record<string, () => string>} */
const SENTENCES = {
  network_error: () => gettext("The shop cannot be reached. Check your connection and try again."),
  product_not_available: () => gettext("This product is not sold any more."),
  product_not_found: () => gettext("This product does not exist any more."),
  not_found: () => gettext("This product does not exist any more."),
  sku_required: () => gettext("Please choose a variant."),
  invalid_quantity: () => gettext("Please choose at least one."),
  invalid_product_or_quantity: () => gettext("That quantity is not possible."),
  cart_full: () => gettext("Your cart is full."),
  batch_failed: () => gettext("Not all of it could be done."),
  item_not_found: () => gettext("This is not in your cart any more."),
  cart_not_found: () => gettext("This is not in your cart any more."),
  access_denied: () => gettext("This is not in your cart any more."),
  nothing_selected: () => gettext("No items are selected."),
  cart_invalid: () => gettext("Some items cannot be bought like this."),
  checkout_contended: () => gettext("Another order of yours is being placed. Try again."),
  too_many_pending_orders: () =>
    gettext("Too many of your orders are waiting for payment. Pay or cancel one of them first."),
  contact_required: () => gettext("Give an e-mail address or a phone number."),
  order_not_found: () => gettext("There is no such order here."),
  invalid_transition: () => gettext("This order has moved on and cannot be cancelled."),
  invalid_credentials: () => gettext("That name and password do not match."),
  account_exists: () => gettext("That name or address is taken."),
  token_not_valid: () => gettext("You have been signed out. Please log in again."),
};

/** @param {unknown} error */
export function describeError(error) {
  if (!(error instanceof CartApiError)) throw error;
  if (error.is("insufficient_stock")) return describeShortage(error.details.available);
  if (error.is("purchase_limit_exceeded")) {
    return describeLimit(error.details.limit, error.details.remaining);
  }
  if (error.type === "rate_limited") {
    const seconds = error.retryAfterSeconds ?? 60;
    const text = ngettext(
      "Too many attempts. Try again in %(count)s second.",
      "Too many attempts. Try again in %(count)s seconds.",
      seconds,
    );
    return fill(text, { count: seconds });
  }
  if (error.status === 503) return gettext("The shop is busy. Try again in a moment.");
  return SENTENCES[error.type]?.() ?? gettext("That did not work. Try again.");
}

/** @param {number} available */
export function describeShortage(available) {
  if (available === 0) return gettext("Sold out");
  const text = ngettext("Only %(count)s left", "Only %(count)s left", available);
  return fill(text, { count: available });
}

/** @param {number | null} stock null where it is not tracked */
export function describeLowStock(stock) {
  if (stock === null) return "";
  return stock <= Number(document.documentElement.dataset.lowStock) ? describeShortage(stock) : "";
}

/** @type {(limit: number, remaining: number | null) => string} */
export function describeLimit(limit, remaining) {
  const text = fill(gettext("At most %(limit)s per customer"), { limit });
  if (remaining === null || remaining === limit) return text;
  return `${text} · ${fill(gettext("%(count)s still possible"), { count: remaining })}`;
}

/** Why a line of a merge or a cart is not as it was wanted; by the API's codes. */
export function describeReason(/** @type {string} */ reason) {
  const reasons = {
    off_shelf: gettext("Not sold at the moment"),
    out_of_stock: gettext("Sold out"),
    deleted: gettext("Not sold any more"),
    insufficient_stock: gettext("not enough in stock"),
    purchase_limit_exceeded: gettext("limit per customer"),
    line_limit: gettext("too many for one line"),
    cart_full: gettext("the cart is full"),
    product_not_available: gettext("not sold at the moment"),
    price_changed: gettext("the price has changed"),
  };
  return reasons[/** @type {keyof typeof reasons} */ (reason)] ?? reason;
}
