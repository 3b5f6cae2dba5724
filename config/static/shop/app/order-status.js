/** How far an order is, in words. */

/** @import { Order } from "../cart-client.js" */

/** @type {(element: HTMLElement, status: Order["status"]) => void} */
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
