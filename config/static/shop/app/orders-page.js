/** The buyer's orders. */

import { client } from "./client.js";
import { byId, cloneTemplate, drawList, showImage, showOnly, slot } from "./elements.js";
import { retryFailure, showFailure } from "./failure.js";
import { fill, formatMoney, formatTime, pageAddress, readAddress } from "./format.js";
import { drawStatus } from "./order-status.js";
import { drawPages } from "./pages.js";
import "./shell.js";

/** @import { Order } from "../cart-client.js" */

const PAGE_SIZE = 10;
const MAX_IMAGES = 4;

const list = byId("orders");
const filter = byId("order-filter");
const states = [byId("loading"), byId("failure"), byId("no-orders"), list];

async function load() {
  const { status, page } = readAddress("status", "page");
  filter.elements.status.value = status;
  byId("pages").hidden = true;
  if (!client.hasIdentity) {
    showOnly(states, byId("no-orders"));
    return;
  }
  try {
    const wanted = /** @type {Order["status"]} */ (status);
    const query = { status: wanted, page: Number(page) || 1, pageSize: PAGE_SIZE };
    const found = await client.listOrders(query);
    drawList(list, found.items, {
      key: ({ id }) => id,
      create: createCard,
      update: (card, order) => drawStatus(slot(card, "status"), order.status),
    });
    drawPages(found, (number) => pageAddress("orders", { status, page: number }));
    showOnly(states, found.total ? list : byId("no-orders"));
  } catch (error) {
    showFailure(error, states);
  }
}

/** @param {Order} order */
function createCard({ id, orderNumber, items, createdAt, itemCount, totalAmount, currency }) {
  const card = cloneTemplate("order-card");
  slot(card, "link").href = pageAddress(`orders/${id}`);
  slot(card, "link").textContent = orderNumber;
  const text = ngettext("%(count)s unit", "%(count)s units", itemCount);
  slot(card, "figures").textContent =
    `${formatTime(createdAt)} · ${fill(text, { count: itemCount })}`;
  slot(card, "total").textContent = formatMoney(totalAmount, currency);
  const images = items.slice(0, MAX_IMAGES).map(({ image }) => {
    const thumb = cloneTemplate("order-image");
    showImage(/** @type {HTMLImageElement} */ (thumb.querySelector("img")), image);
    return thumb;
  });
  slot(card, "images").replaceChildren(...images);
  return card;
}

filter.addEventListener("change", () => {
  history.pushState(null, "", pageAddress("orders", { status: filter.elements.status.value }));
  void load();
});
retryFailure(load);
window.addEventListener("popstate", () => void load());
client.addEventListener("identity", () => void load());
void load();
