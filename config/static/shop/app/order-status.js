/** How far an order is, in words. */

/** @import { Order } from "../cart-client.js" */

/**
 * @param {HTMLElement} element
 * @param {Order["status"]} status
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
