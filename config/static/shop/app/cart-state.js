/** The cart as it is shown: the newest one known, with the changes that are not answered yet. */

import { CartApiError } from "../cart-client.js";
import { client } from "./client.js";
import { fill } from "./format.js";
import { showNotice } from "./notices.js";
import { describeError } from "./refusals.js";

/** @import { Cart, CartItem } from "../cart-client.js" */
/** @typedef {{ quantity: number, timer?: number, isSending: boolean }} WantedQuantity */

const DEBOUNCE_MS = 350;

class CartState extends EventTarget {
  /** Why the cart could not be read; "" if it could. */
  failure = "";
  /** @type {Map<string, string>} Refusals by line. */
  refusals = new Map();
  /** @type {Set<string>} Lines whose change did not reach the shop. */
  #unreached = new Set();
  /** @type {Map<string, WantedQuantity>} */
  #quantities = new Map();
  /** @type {Map<string, { selected: boolean, calls: number }>} */
  #selections = new Map();
  /** @type {Promise<unknown>} */
  #lastSelection = Promise.resolve();

  constructor() {
    super();
    client.addEventListener("cart", () => this.#draw());
    client.addEventListener("identity", () => this.#forgetWishes());
  }

  /** @returns {Cart | null} The cart to show; null while it is not known. */
  get cart() {
    const { cart } = client;
    if (cart === null || this.isSettled) return cart;
    return sumUp({ ...cart, items: cart.items.map((item) => this.#applyWishes(item)) });
  }

  /** Whether every change was answered. */
  get isSettled() {
    return this.#quantities.size === 0 && this.#selections.size === 0;
  }

  /** Read the cart, if there is anybody to have one. */
  async refresh() {
    if (!client.hasIdentity) {
      this.failure = "";
      this.#draw();
      return;
    }
    try {
      await client.getCart();
      this.failure = "";
      this.#unreached.forEach((itemId) => this.refusals.delete(itemId));
      this.#unreached.clear();
    } catch (error) {
      // Where the session has just ended, there is nothing left to fail.
      this.failure = client.hasIdentity ? describeError(error) : "";
    }
    this.#draw();
  }

  /** Show a quantity now, and ask for it once the buyer has stopped clicking. */
  setQuantity(/** @type {string} */ itemId, /** @type {number} */ quantity) {
    const wish = this.#quantities.get(itemId) ?? { quantity, isSending: false };
    clearTimeout(wish.timer);
    wish.quantity = quantity;
    wish.timer = setTimeout(() => this.#sendQuantity(itemId), DEBOUNCE_MS);
    this.#quantities.set(itemId, wish);
    this.refusals.delete(itemId);
    this.#draw();
  }

  /**
   * Select or deselect lines; `lines` says which in the API's words.
   *
   * @param {{ itemIds: string[] } | { merchantId: string } | { all: true }} lines
   * @param {string[]} itemIds The same lines by id.
   * @param {boolean} selected
   */
  async select(lines, itemIds, selected) {
    for (const itemId of itemIds) {
      const calls = this.#selections.get(itemId)?.calls ?? 0;
      this.#selections.set(itemId, { selected, calls: calls + 1 });
    }
    this.#draw();
    // One after the other: two at once could arrive in the other order.
    const call = this.#lastSelection.then(() => client.select(lines, selected));
    this.#lastSelection = call.catch(() => undefined);
    await this.attempt(() => call);
    for (const itemId of itemIds) this.#endSelection(itemId);
    this.#draw();
  }

  /** @param {string} itemId */
  async remove(itemId) {
    await this.#removeLines([itemId], () => client.removeItem(itemId));
  }

  /** @param {string[]} itemIds Of lines that can or cannot be bought; at least one. */
  async removeAll(itemIds) {
    await this.#removeLines(itemIds, () => client.removeItems(itemIds));
  }

  async clear() {
    const itemIds = client.cart?.items.map(({ id }) => id) ?? [];
    await this.#removeLines(itemIds, () => client.clearCart());
  }

  /** @param {string[]} [itemIds] */
  async acknowledge(itemIds) {
    await this.attempt(() => client.acknowledgePrices(itemIds));
  }

  /** Send what is still waiting for its moment, such that it outlives the page. */
  async flush() {
    await Promise.all([...this.#quantities.keys()].map((itemId) => this.#sendQuantity(itemId)));
    await this.#lastSelection;
  }

  /** Make a call and tell whether it was done; if not, say why and show the cart as it is. */
  async attempt(/** @type {() => Promise<unknown>} */ call) {
    try {
      await call();
      return true;
    } catch (error) {
      showNotice(describeError(error));
      await this.refresh();
      return false;
    }
  }

  /** @param {string} itemId */
  async #sendQuantity(itemId) {
    const wish = this.#quantities.get(itemId);
    if (!wish || wish.isSending) return;
    clearTimeout(wish.timer);
    const { quantity } = wish;
    wish.isSending = true;
    try {
      await client.updateItem(itemId, { quantity }, { keepalive: true });
    } catch (error) {
      this.#refuseQuantity(itemId, wish, error);
      return;
    }
    wish.isSending = false;
    if (this.#quantities.get(itemId) !== wish) return;
    if (wish.quantity !== quantity) {
      await this.#sendQuantity(itemId);
      return;
    }
    this.#quantities.delete(itemId);
    this.#draw();
  }

  /** @type {(itemId: string, wish: WantedQuantity, error: unknown) => void} */
  #refuseQuantity(itemId, wish, error) {
    if (this.#quantities.get(itemId) === wish) {
      this.#forgetQuantity(itemId);
      this.refusals.set(itemId, describeError(error));
    }
    this.#draw();
    if (!(error instanceof CartApiError)) return;
    // Something has changed behind the cart that is shown: stock, limit, or the line itself.
    if (error.status !== 0) void this.refresh();
    else this.#unreached.add(itemId);
  }

  /** @type {(itemIds: string[], call: () => Promise<unknown>) => Promise<void>} */
  async #removeLines(itemIds, call) {
    const items = client.cart?.items.filter(({ id }) => itemIds.includes(id)) ?? [];
    itemIds.forEach((itemId) => this.#forgetQuantity(itemId));
    if ((await this.attempt(call)) && items.length) this.#offerUndo(items);
  }

  /** @param {CartItem[]} items That were removed. */
  #offerUndo(items) {
    const isOne = items.length === 1;
    const text = isOne ? gettext("%(name)s removed.") : gettext("%(count)s items removed.");
    const values = { name: items[0].product.name, count: items.length };
    showNotice(fill(text, values), {
      label: gettext("Undo"),
      run: () => void this.attempt(() => addAgain(items)),
    });
  }

  /** @param {CartItem} item */
  #applyWishes(item) {
    const quantity = this.#quantities.get(item.id)?.quantity ?? item.quantity;
    const selected = this.#selections.get(item.id)?.selected ?? item.selected;
    const totalPrice = (cents(item.price) * quantity) / 100;
    return { ...item, quantity, selected, totalPrice };
  }

  /** @param {string} itemId */
  #forgetQuantity(itemId) {
    clearTimeout(this.#quantities.get(itemId)?.timer);
    this.#quantities.delete(itemId);
    this.refusals.delete(itemId);
  }

  /** @param {string} itemId */
  #endSelection(itemId) {
    const wish = this.#selections.get(itemId);
    if (!wish) return;
    wish.calls -= 1;
    if (wish.calls === 0) this.#selections.delete(itemId);
  }

  #forgetWishes() {
    [...this.#quantities.keys()].forEach((itemId) => this.#forgetQuantity(itemId));
    this.#selections.clear();
    this.refusals.clear();
  }

  #draw() {
    this.dispatchEvent(new Event("change"));
  }
}

export const cartState = new CartState();

/** @param {CartItem[]} items */
function addAgain(items) {
  const [{ productId, skuId, quantity, selected }] = items;
  if (items.length === 1) return client.addItem({ productId, skuId, quantity, selected });
  const lines = items.map(({ productId, skuId, quantity }) => ({ productId, skuId, quantity }));
  return client.addItems(lines);
}

/** Count the totals anew, in cents as the API does. */
function sumUp(/** @type {Cart} */ cart) {
  const chosen = cart.items.filter(({ selected }) => selected);
  const totalAmount = chosen.reduce((sum, item) => sum + cents(item.totalPrice), 0) / 100;
  const itemCount = chosen.reduce((sum, item) => sum + item.quantity, 0);
  const selectedCount = chosen.length;
  return { ...cart, totalAmount, selectedAmount: totalAmount, itemCount, selectedCount };
}

/** @param {number} amount */
function cents(amount) {
  return Math.round(amount * 100);
}
