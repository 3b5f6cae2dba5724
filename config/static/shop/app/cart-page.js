/** The cart's own page. */

import { drawTriState, showCart } from "./cart-lines.js";
import { cartState } from "./cart-state.js";
import { byId, slot } from "./elements.js";
import { drawTotals } from "./shell.js";

/** @import { Cart } from "../cart-client.js" */

const host = byId("cart-page");

/** @param {Cart | null} cart */
function drawAround(cart) {
  const lines = cart ? cart.items.length : 0;
  slot(host, "toolbar").hidden = lines === 0;
  slot(host, "summary").hidden = lines === 0;
  drawTriState(slot(host, "select-all"), cart?.items ?? []);
  slot(host, "remove-selected").disabled = !cart?.selectedCount;
  drawTotals(slot(host, "summary"), cart);
}

const all = slot(host, "select-all");
all.addEventListener("change", () => {
  const ids = cartState.cart?.items.map(({ id }) => id) ?? [];
  void cartState.select({ all: true }, ids, all.checked);
});
slot(host, "remove-selected").addEventListener("click", () => {
  const chosen = cartState.cart?.items.filter(({ selected }) => selected) ?? [];
  if (chosen.length) void cartState.removeAll(chosen.map(({ id }) => id));
});
slot(host, "clear").addEventListener("click", () => void cartState.clear());
showCart(host, drawAround);
