/** Drawing the cart into the drawer and the cart page, which have the same parts. */

import { cartState } from "./cart-state.js";
import { client } from "./client.js";
import { cloneTemplate, drawList, showImage, showOnly, showText, slot } from "./elements.js";
import { fill, formatMoney, formatVariant, pageAddress } from "./format.js";
import { showPrices } from "./prices.js";
import { describeLimit, describeLowStock, describeReason, describeShortage } from "./refusals.js";

/** @import { Cart, CartItem, UnavailableItem } from "../cart-client.js" */

/**
 * Keep a host showing the cart.
 *
 * @type {(host: HTMLElement, drawTotals: (cart: Cart | null) => void) => void}
 */
export function showCart(host, drawTotals) {
  slot(host, "retry").addEventListener("click", () => void cartState.refresh());
  slot(host, "acknowledge-all").addEventListener("click", () => void cartState.acknowledge());
  slot(host, "remove-unavailable").addEventListener("click", () => {
    const ids = cartState.cart?.unavailableItems.map(({ id }) => id) ?? [];
    if (ids.length) void cartState.removeAll(ids);
  });
  const draw = () => {
    const { cart } = cartState;
    drawState(host, cart);
    if (cart) drawContent(host, cart);
    drawTotals(cart);
  };
  cartState.addEventListener("change", draw);
  draw();
}

/** @type {(host: HTMLElement, cart: Cart | null) => void} */
function drawState(host, cart) {
  const states = ["loading", "failure", "empty", "content"].map((name) => slot(host, name));
  slot(host, "failure-text").textContent = cartState.failure;
  showOnly(states, slot(host, nameState(cart)));
}

/** @param {Cart | null} cart */
function nameState(cart) {
  if (cart) return cart.items.length + cart.unavailableItems.length ? "content" : "empty";
  if (cartState.failure) return "failure";
  return client.hasIdentity ? "loading" : "empty";
}

/** @type {(host: HTMLElement, cart: Cart) => void} */
function drawContent(host, cart) {
  drawPriceBanner(host, cart);
  drawList(slot(host, "groups"), groupByMerchant(cart.items), {
    key: ([first]) => first.product.merchant.id,
    create: createGroup,
    update: (group, items) => updateGroup(group, items, cart.currency),
  });
  slot(host, "unavailable").hidden = cart.unavailableItems.length === 0;
  drawList(slot(host, "unavailable-lines"), cart.unavailableItems, {
    key: ({ id }) => id,
    create: createUnavailable,
    update: (line, item) => updateUnavailable(line, item, cart.currency),
  });
}

/** @type {(host: HTMLElement, cart: Cart) => void} */
function drawPriceBanner(host, cart) {
  const count = cart.items.filter((item) => item.extraData.priceChange).length;
  const text = ngettext(
    "%(count)s price has changed since you added it.",
    "%(count)s prices have changed since you added them.",
    count,
  );
  showText(host, "price-banner", count ? fill(text, { count }) : "", "price-text");
}

/** Merchants come in the order of their first line. */
function groupByMerchant(/** @type {CartItem[]} */ items) {
  /** @type {Map<string, CartItem[]>} */
  const groups = new Map();
  for (const item of items) {
    const { id } = item.product.merchant;
    groups.set(id, [...(groups.get(id) ?? []), item]);
  }
  return [...groups.values()];
}

/** @param {CartItem[]} items */
function createGroup([{ product }]) {
  const group = cloneTemplate("cart-group");
  const { id: merchantId, name } = product.merchant;
  slot(group, "merchant").textContent = name;
  const box = slot(group, "selected");
  box.addEventListener("change", () => {
    const items = cartState.cart?.items.filter((item) => item.product.merchant.id === merchantId);
    const ids = (items ?? []).map(({ id }) => id);
    void cartState.select({ merchantId }, ids, box.checked);
  });
  return group;
}

/** @type {(group: HTMLElement, items: CartItem[], currency: string) => void} */
function updateGroup(group, items, currency) {
  drawTriState(slot(group, "selected"), items);
  drawList(slot(group, "lines"), items, {
    key: ({ id }) => id,
    create: createLine,
    update: (line, item) => updateLine(line, item, currency),
  });
}

/** @type {(box: HTMLInputElement, items: CartItem[]) => void} */
export function drawTriState(box, items) {
  const chosen = items.filter(({ selected }) => selected).length;
  box.checked = items.length > 0 && chosen === items.length;
  box.indeterminate = chosen > 0 && chosen < items.length;
}

/** @param {CartItem} item */
function createLine({ id, productId, skuId, product }) {
  const line = cloneTemplate("cart-line");
  const name = slot(line, "name");
  name.textContent = product.name;
  name.href = pageAddress(`products/${productId}`, { sku: skuId });
  nameControls(line, product.name);
  const box = slot(line, "selected");
  box.addEventListener("change", () => cartState.select({ itemIds: [id] }, [id], box.checked));
  slot(line, "remove").addEventListener("click", () => void removeLine(line, id));
  slot(line, "acknowledge").addEventListener("click", () => void cartState.acknowledge([id]));
  const reduce = slot(line, "reduce");
  reduce.addEventListener("click", () => cartState.setQuantity(id, Number(reduce.value)));
  connectStepper(line, (quantity) => cartState.setQuantity(id, quantity));
  return line;
}

/** @type {(line: HTMLElement, name: string) => void} */
function nameControls(line, name) {
  const labels = {
    selected: gettext("Select %(name)s"),
    stepper: gettext("Quantity of %(name)s"),
    quantity: gettext("Quantity of %(name)s"),
    less: gettext("One %(name)s less"),
    more: gettext("One %(name)s more"),
    remove: gettext("Remove %(name)s"),
  };
  for (const [part, label] of Object.entries(labels)) {
    slot(line, part)?.setAttribute("aria-label", fill(label, { name }));
  }
}

/**
 * Make a stepper's buttons and field say which quantity is wanted.
 *
 * @type {(host: Element, onQuantity: (quantity: number) => void) => void}
 */
export function connectStepper(host, onQuantity) {
  const field = slot(host, "quantity");
  const step = (/** @type {number} */ by) => {
    const quantity = Math.min(Math.max(readQuantity(field) + by, 1), Number(field.max));
    field.value = String(quantity);
    onQuantity(quantity);
  };
  slot(host, "less").addEventListener("click", () => step(-1));
  slot(host, "more").addEventListener("click", () => step(1));
  const takeBack = () => {
    if (!field.checkValidity()) field.value = field.dataset.shown ?? "1";
  };
  field.addEventListener("input", () => {
    const { rangeUnderflow, rangeOverflow } = field.validity;
    if (rangeUnderflow || rangeOverflow) {
      // It must not stand beside another quantity's total. What is typed next replaces it.
      takeBack();
      field.select();
    } else if (field.checkValidity()) onQuantity(readQuantity(field));
  });
  field.addEventListener("change", takeBack);
  field.addEventListener("blur", takeBack);
}

/** @param {HTMLInputElement} field */
export function readQuantity(field) {
  return field.checkValidity() ? Number(field.value) : Number(field.dataset.shown ?? 1);
}

/** @type {(line: HTMLElement, item: CartItem, currency: string) => void} */
function updateLine(line, item, currency) {
  const { product, sku, quantity, price } = item;
  slot(line, "selected").checked = item.selected;
  showImage(slot(line, "image"), product.images[0]);
  showText(line, "variant", formatVariant(sku.attributes));
  showPrices(line, { price, originalPrice: product.originalPrice }, currency);
  showText(line, "total", formatMoney(item.totalPrice, currency));
  const field = slot(line, "quantity");
  field.dataset.shown = String(quantity);
  // What is being typed, such as nothing yet, is left alone.
  if (document.activeElement !== field || field.checkValidity()) field.value = String(quantity);
  slot(line, "less").disabled = quantity <= 1;
  drawLineNotices(line, item, currency);
}

/** @type {(line: HTMLElement, item: CartItem, currency: string) => void} */
function drawLineNotices(line, { id, quantity, product, extraData }, currency) {
  const { priceChange, purchaseLimit, remainingLimit, lowStock } = extraData;
  const change = priceChange && {
    from: formatMoney(priceChange.from, currency),
    to: formatMoney(priceChange.to, currency),
  };
  const changed =
    priceChange?.direction === "up"
      ? gettext("Price went up from %(from)s to %(to)s")
      : gettext("Price went down from %(from)s to %(to)s");
  showText(line, "price-change", change ? fill(changed, change) : "", "price-change-text");
  const most = Math.min(product.stock ?? Infinity, remainingLimit ?? Infinity);
  const shortage =
    product.stock !== null && product.stock < quantity
      ? describeShortage(product.stock)
      : describeLimit(purchaseLimit ?? 0, remainingLimit);
  showText(line, "short", most < quantity ? shortage : "", "short-text");
  const reduce = slot(line, "reduce");
  reduce.hidden = most < 1;
  reduce.value = String(most);
  reduce.textContent = fill(gettext("Take %(count)s"), { count: most });
  const refusal = cartState.refusals.get(id) ?? "";
  const hints = [];
  if (lowStock) hints.push(describeLowStock(product.stock));
  if (purchaseLimit !== null) hints.push(describeLimit(purchaseLimit, remainingLimit));
  // What a refusal says is not said beside it a second time.
  const others = hints.filter((hint) => hint !== refusal);
  showText(line, "hint", most < quantity ? "" : others.join(" · "));
  showText(line, "refusal", refusal);
}

/** @param {UnavailableItem} item */
function createUnavailable({ id, snapshot }) {
  const line = cloneTemplate("unavailable-line");
  slot(line, "name").textContent = snapshot.name;
  nameControls(line, snapshot.name);
  slot(line, "remove").addEventListener("click", () => void removeLine(line, id));
  return line;
}

/** Remove a line, and keep the focus near where it was. */
async function removeLine(/** @type {HTMLElement} */ line, /** @type {string} */ itemId) {
  const host = line.closest("[data-cart]");
  const buttons = [...(host?.querySelectorAll('[data-slot="remove"]') ?? [])];
  const place = buttons.indexOf(slot(line, "remove"));
  const neighbour = buttons[place + 1] ?? buttons[place - 1];
  await cartState.remove(itemId);
  if (line.isConnected || document.activeElement !== document.body) return;
  const goal = neighbour ?? host?.querySelector('[data-slot="empty"] a');
  /** @type {HTMLElement | undefined} */ (goal)?.focus();
}

/** @type {(line: HTMLElement, item: UnavailableItem, currency: string) => void} */
function updateUnavailable(line, { snapshot, quantity, reason }, currency) {
  showImage(slot(line, "image"), snapshot.image);
  const price = formatMoney(snapshot.price, currency);
  slot(line, "figures").textContent = `${price} × ${quantity}`;
  slot(line, "reason").textContent = describeReason(reason);
}
