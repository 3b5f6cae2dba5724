/** What every page has: search, who is signed in, the cart's badge and drawer, fresh prices. */

import { CartApiError } from "../cart-client.js";
import { showCart } from "./cart-lines.js";
import { cartState } from "./cart-state.js";
import { client } from "./client.js";
import { byId, drawTexts, slot } from "./elements.js";
import { fill, formatMoney, pageAddress } from "./format.js";
import { takeMergeReport } from "./merge-report.js";
import { moveNotices, showNotice } from "./notices.js";

/** @import { Cart } from "../cart-client.js" */

// How often an open cart is read again; an unchanged one costs a 304.
const REFRESH_MS = 15_000;

const drawer = byId("drawer");
const hasCartPage = document.querySelector("main [data-cart], #checkout") !== null;
let announcedTotal = "";

/** Open the drawer, unless the page shows the cart anyway. */
export function openDrawer() {
  if (hasCartPage || drawer.open) return;
  moveNotices(drawer);
  drawer.showModal();
  void cartState.refresh();
}

/** @type {(host: Element, cart: Cart | null) => void} */
export function drawTotals(host, cart) {
  slot(host, "cart-total").textContent = cart ? formatMoney(cart.totalAmount, cart.currency) : "";
  slot(host, "cart-units").textContent = cart ? describeSelection(cart) : "";
  const checkout = host.querySelector("[data-checkout]");
  checkout?.setAttribute("aria-disabled", String(!cart?.selectedCount));
}

/** @param {Cart} cart */
function describeSelection({ itemCount }) {
  const text = ngettext("%(count)s unit selected", "%(count)s units selected", itemCount);
  return fill(text, { count: itemCount });
}

function drawIdentity() {
  const { user } = client;
  /** @type {NodeListOf<HTMLElement>} */
  const parts = document.querySelectorAll("[data-when]");
  for (const part of parts) part.hidden = part.dataset.when !== (user ? "user" : "guest");
  byId("user-name").textContent = user?.username ?? "";
  byId("user-email").textContent = user?.email ?? "";
}

function drawBadge() {
  const { cart } = cartState;
  const units = cart?.items.reduce((sum, { quantity }) => sum + quantity, 0) ?? 0;
  byId("cart-badge").hidden = units === 0;
  byId("cart-count").textContent = String(units);
}

/** Read the total out once it has come to rest. */
function announceTotal() {
  const { cart } = cartState;
  if (!cart || !cartState.isSettled || !(drawer.open || hasCartPage)) return;
  const total = formatMoney(cart.totalAmount, cart.currency);
  const text = `${describeSelection(cart)}: ${total}`;
  if (text === announcedTotal) return;
  announcedTotal = text;
  byId("announcer").textContent = text;
}

function refreshIfShown() {
  if (document.visibilityState === "visible") void cartState.refresh();
}

/** Tell whether a click asks for another tab or window. */
export function opensElsewhere(/** @type {MouseEvent} */ event) {
  return event.ctrlKey || event.metaKey || event.shiftKey;
}

/** @param {MouseEvent} event */
function openFromLink(event) {
  if (hasCartPage || opensElsewhere(event)) return;
  event.preventDefault();
  openDrawer();
}

/** Wait for pending changes before the checkout reads the cart. */
async function goToCheckout(/** @type {MouseEvent} */ event) {
  event.preventDefault();
  const link = /** @type {HTMLAnchorElement} */ (event.currentTarget);
  if (link.getAttribute("aria-disabled") === "true") return;
  await cartState.flush();
  location.assign(link.href);
}

async function logOut() {
  try {
    await client.logout();
  } catch (error) {
    // Signed out here all the same.
    if (!(error instanceof CartApiError)) throw error;
  }
  location.assign(pageAddress(""));
}

function showMergeReport() {
  const report = takeMergeReport();
  if (report === null) return;
  const banner = byId("merge-report");
  slot(banner, "summary").textContent = report.summary;
  drawTexts(slot(banner, "details"), report.details);
  slot(banner, "close").addEventListener("click", () => banner.remove());
  banner.hidden = false;
  banner.focus();
}

/** @type {string | undefined} */
let shownUserId = client.user?.id;

function followIdentity() {
  drawIdentity();
  const userId = client.user?.id;
  if (userId === shownUserId) return;
  shownUserId = userId;
  showNotice(
    client.user
      ? fill(gettext("Signed in as %(name)s."), { name: client.user.username })
      : gettext("You are signed out."),
  );
  void cartState.refresh();
}

byId("cart-link").addEventListener("click", openFromLink);
byId("drawer-close").addEventListener("click", () => drawer.close());
drawer.addEventListener("close", () => moveNotices(document.body));
drawer.addEventListener("click", (/** @type {MouseEvent} */ event) => {
  if (event.target === drawer) drawer.close();
});
for (const link of document.querySelectorAll("[data-checkout]")) {
  link.addEventListener("click", (event) => void goToCheckout(/** @type {any} */ (event)));
}
byId("logout").addEventListener("click", () => void logOut());
client.addEventListener("identity", followIdentity);
cartState.addEventListener("change", () => {
  drawBadge();
  announceTotal();
});
window.addEventListener("focus", refreshIfShown);
window.addEventListener("online", refreshIfShown);
window.addEventListener("pageshow", (event) => event.persisted && refreshIfShown());
window.addEventListener("pagehide", () => void cartState.flush());
document.addEventListener("visibilitychange", refreshIfShown);
setInterval(() => {
  if (drawer.open || hasCartPage) refreshIfShown();
}, REFRESH_MS);
drawIdentity();
if (!hasCartPage) showCart(drawer, (cart) => drawTotals(drawer, cart));
showMergeReport();
void cartState.refresh();
