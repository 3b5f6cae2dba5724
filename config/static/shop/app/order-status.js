/** How far an order is, in words. */

/** @typedef {import("../cart-client.js").Order["status"]} Status */

/**
 * @param {HTMLElement} element
 * @param {Status} status
 */
export function drawStatus(element, status) {
  const names = {
    PENDING: gettext("Awaiting payment"),
    PAID: gettext("Paid"),
    SHIPPED: gettext("Shipped"),
    COMPLETED: gettext("Completed"),
    CANCELLED: gettext("Cancelled"),
  };
  if (element.textContent !== names[status]) element.textContent = names[status];
  element.dataset.status = status;
}
