/** One order: what was sold, how far it is, and cancelling it while it is not paid. */

import { CartApiError } from "../cart-client.js";
import { cartState } from "./cart-state.js";
import { client } from "./client.js";
import { byId, cloneTemplate, showImage, showOnly, showText, slot } from "./elements.js";
import { retryFailure, showFailure } from "./failure.js";
import { fill, formatClock, formatMoney, formatTime, pageAddress } from "./format.js";
import { showNotice } from "./notices.js";
import { drawStatus } from "./order-status.js";
import { describeError } from "./refusals.js";
import "./shell.js";

/** @import { Order } from "../cart-client.js" */

// How often an order that awaits payment is looked at again.
const REFRESH_MS = 10_000;

const article = byId("order");
const dialog = byId("cancel-dialog");
const states = [byId("loading"), byId("failure"), article];
/** @type {Order | null} */
let shown = null;

async function load() {
  try {
    drawOrder(await client.getOrder(article.dataset.orderId));
    showOnly(states, article);
  } catch (error) {
    if (!(error instanceof CartApiError)) throw error;
    // An order once shown stays; it will be looked at again.
    if (!shown) showFailure(error, states, error.status === 404);
  }
}

/** @param {Order} order */
function drawOrder(order) {
  const isNew = shown === null;
  shown = order;
  document.title = `${order.orderNumber} · Cartwright`;
  drawStatus(slot(article, "status"), order.status);
  slot(article, "total").textContent = formatMoney(order.totalAmount, order.currency);
  slot(article, "times").textContent = describeTimes(order);
  slot(article, "actions").hidden = order.status !== "PENDING";
  const due = gettext("Unpaid orders are cancelled at %(time)s.");
  slot(article, "due").textContent = fill(due, { time: formatClock(order.expiresAt) });
  if (!isNew) return;
  const { orderNumber: number } = order;
  slot(article, "title").textContent = fill(gettext("Order %(number)s"), { number });
  const lines = order.items.map((item) => createLine(item, order.currency));
  slot(article, "items").replaceChildren(...lines);
  slot(article, "details").replaceChildren(...describeDetails(order));
}

/** @param {Order} order */
function describeTimes({ createdAt, paidAt, cancelledAt }) {
  const times = [fill(gettext("Placed %(time)s"), { time: formatTime(createdAt) })];
  if (paidAt) times.push(fill(gettext("paid %(time)s"), { time: formatTime(paidAt) }));
  if (cancelledAt)
    times.push(fill(gettext("cancelled %(time)s"), { time: formatTime(cancelledAt) }));
  return times.join(" · ");
}

/** @type {(item: Order["items"][number], currency: string) => HTMLElement} */
function createLine(item, currency) {
  const { productId, skuId, skuCode, name, image, price, quantity, totalPrice } = item;
  const line = cloneTemplate("order-line");
  showImage(slot(line, "image"), image);
  slot(line, "name").textContent = name;
  slot(line, "name").href = pageAddress(`products/${productId}`, { sku: skuId });
  slot(line, "figures").textContent = `${skuCode} · ${formatMoney(price, currency)} × ${quantity}`;
  slot(line, "total").textContent = formatMoney(totalPrice, currency);
  return line;
}

/** @param {Order} order */
function describeDetails({ shippingAddress, contact, note }) {
  const { name, street, postalCode, city } = shippingAddress ?? {};
  const { email, phone } = contact ?? {};
  const list = (/** @type {(string | undefined)[]} */ ...texts) => texts.filter(Boolean).join(", ");
  const details = [
    [gettext("Goes to"), list(name, street, postalCode, city)],
    [gettext("Contact"), list(email, phone)],
    [gettext("Note"), note ?? ""],
  ];
  return details
    .filter(([, text]) => text)
    .map(([term, text]) => {
      const detail = cloneTemplate("detail");
      slot(detail, "term").textContent = term;
      slot(detail, "text").textContent = text;
      return detail;
    });
}

async function cancel() {
  const choice = dialog.returnValue;
  if (!shown || !["restore", "cancel"].includes(choice)) return;
  showText(article, "refusal", "");
  try {
    drawOrder(await client.cancelOrder(shown.id, { restoreCart: choice === "restore" }));
  } catch (error) {
    showText(article, "refusal", describeError(error));
    await load();
    return;
  }
  slot(article, "placed").hidden = true;
  slot(article, "title").focus();
  await cartState.refresh();
  showNotice(
    choice === "restore"
      ? gettext("The order is cancelled. What can be had is back in your cart.")
      : gettext("The order is cancelled."),
  );
}

function refreshIfPending() {
  if (shown?.status === "PENDING" && document.visibilityState === "visible") void load();
}

slot(article, "placed").hidden = !new URLSearchParams(location.search).has("placed");
slot(article, "cancel").addEventListener("click", () => {
  dialog.returnValue = "";
  dialog.showModal();
});
dialog.addEventListener("close", () => void cancel());
retryFailure(load);
window.addEventListener("focus", refreshIfPending);
setInterval(refreshIfPending, REFRESH_MS);
void load();
