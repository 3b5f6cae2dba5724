/**
 * A client of the Cartwright API for storefronts: nothing to install, nothing to build.
 *
 *     import { CartApiError, CartClient } from "https://shop.example/static/shop/cart-client.js";
 *
 *     const client = new CartClient();
 *     client.addEventListener("cart", (event) => draw(event.detail));
 *     try {
 *       await client.addItem({ productId, skuId, quantity: 1 });
 *     } catch (error) {
 *       if (!(error instanceof CartApiError) || !error.is("insufficient_stock")) throw error;
 *       tell(`Only ${error.details.available} left`);
 *     }
 *
 * What it takes care of:
 * - Identity. Everybody begins as a guest. Logging in merges the guest's cart. Guest id and tokens
 *   are kept in localStorage; an access token is replaced before it expires, and by one tab at a
 *   time, since a refresh token works once.
 * - Repetition. A call that failed on the way is sent again, at most `maxAttempts` times. Calls
 *   that add something carry an Idempotency-Key, the same one each time, and so count once.
 * - Tabs. A change of the cart or of who is signed in reaches the other tabs at once.
 * - Order. An answer that was overtaken by a newer one never replaces it.
 *
 * It touches no DOM, and runs in Node as well. Where there is no localStorage, BroadcastChannel or
 * navigator.locks, it works for as long as the page lives, in this tab. `close()` ends it.
 */

import { adding, findCart, itemPath, makeCondition } from "./cart-client/calls.js";
import { CartApiError, wasDoneBefore } from "./cart-client/errors.js";
import { Identity } from "./cart-client/identity.js";
import { NewestCart } from "./cart-client/newest-cart.js";
import { openStorage } from "./cart-client/storage.js";
import { Tabs } from "./cart-client/tabs.js";
import { readData, Transport } from "./cart-client/transport.js";

export { newKey } from "./cart-client/calls.js";
export { CartApiError } from "./cart-client/errors.js";
export * from "./cart-client/types.js";

/** @import { KeyStorage } from "./cart-client/storage.js" */
/** @import { CartNews, SessionNews } from "./cart-client/tabs.js" */
/** @import { Call } from "./cart-client/transport.js" */
/** @import { CallOptions, Cart, MergeReport, SignIn, User } from "./cart-client/types.js" */
/** @import { Merchant, Order, Page, Product, ProductDetail } from "./cart-client/types.js" */
/** @import { Summary, Validation } from "./cart-client/types.js" */

/**
 * @typedef {object} ClientEvents
 * @property {CustomEvent<Cart>} cart With the newest cart known.
 * @property {CustomEvent<{ user: User | null }>} identity Null for a guest.
 *
 * @typedef {object} ClientListeners
 * @property {<T extends keyof ClientEvents>(type: T, listener: (event: ClientEvents[T]) => void,
 *   options?: AddEventListenerOptions) => void} addEventListener
 */
const ClientEventTarget = /** @type {new () => ClientListeners & EventTarget} */ (EventTarget);

/** Fires `cart` and `identity`, whichever tab the change was made in. */
export class CartClient extends ClientEventTarget {
  #closing = new AbortController();
  #transport;
  #identity;
  #newest;

  /**
   * @param {object} [settings]
   * @param {string} [settings.baseUrl]
   * @param {typeof globalThis.fetch} [settings.fetch]
   * @param {KeyStorage} [settings.storage]
   * @param {string} [settings.namespace] Prefix of keys, locks and the channel between tabs.
   * @param {number} [settings.timeoutMs] After which a call counts as failed on the way.
   * @param {number} [settings.maxAttempts]
   * @param {number} [settings.maxWaitSeconds] The longest Retry-After that is waited for.
   */
  constructor({
    baseUrl = "/api",
    fetch = globalThis.fetch.bind(globalThis),
    storage = openStorage(),
    namespace = "cartwright",
    timeoutMs = 10_000,
    maxAttempts = 4,
    maxWaitSeconds = 5,
  } = {}) {
    super();
    const closing = this.#closing.signal;
    const sending = { baseUrl, fetch, timeoutMs, maxAttempts, maxWaitSeconds };
    const transport = new Transport(sending, closing);
    const tabs = new Tabs(namespace, closing, (news) => this.#hear(news));
    const onChange = () => this.#fire("identity", { user: this.user });
    const identity = new Identity({ transport, tabs, storage, namespace, closing, onChange });
    const onCart = (/** @type {Cart} */ cart) => this.#fire("cart", cart);
    this.#transport = transport;
    this.#identity = identity;
    this.#newest = new NewestCart({ transport, tabs, identity, onCart });
  }

  /**
   * End timers, listeners and the channel between tabs, so that Node exits. Calls under way and
   * later ones throw an AbortError; a change that was sent may still be carried out.
   */
  close() {
    this.#closing.abort();
  }

  // Identity

  /** Who is signed in; null for a guest. */
  get user() {
    return this.#identity.user;
  }

  /** Whether there is anybody yet who could have a cart: a user, or a guest with an id. */
  get hasIdentity() {
    return this.#identity.owner !== null;
  }

  /** The newest cart known of the present identity; null before the first one was read. */
  get cart() {
    return this.#newest.known?.cart ?? null;
  }

  /**
   * Make an account, sign in, and merge the guest's cart into the user's.
   *
   * @param {{ username: string, email: string, password: string }} account
   * @returns {Promise<SignIn>}
   */
  register(account) {
    const path = "/auth/register";
    return this.#signIn({ method: "POST", path, body: account, repeatable: false });
  }

  /**
   * Sign in, and merge the guest's cart into the user's.
   *
   * @param {{ username?: string, email?: string, password: string }} credentials
   * @returns {Promise<SignIn>}
   */
  login(credentials) {
    return this.#signIn({ method: "POST", path: "/auth/login", body: credentials });
  }

  /** Sign out here in any case; throws if the API could not be told. */
  async logout() {
    const session = await this.#identity.signOut();
    if (session === null) return;
    const body = { refresh: session.refresh };
    try {
      await this.#data({ method: "POST", path: "/auth/logout", body, as: "nobody" });
    } catch (error) {
      if (!(error instanceof CartApiError) || error.status !== 401) throw error;
    }
  }

  /** @returns {Promise<User>} */
  getMe() {
    return this.#data({ method: "GET", path: "/auth/me" });
  }

  /** Forget the guest, whose cart and orders can then not be reached from here any more. */
  forgetGuest() {
    this.#identity.forgetGuest();
  }

  // Cart. All but summary and validation return the whole cart as it is then.

  /** @returns {Promise<Cart>} */
  getCart() {
    return this.#cart({ method: "GET", path: "/cart" });
  }

  /**
   * Add units of a SKU to its line, or as a new line.
   *
   * @param {{ productId: string, skuId?: string, quantity: number, selected?: boolean }} addition
   * @param {CallOptions} [options]
   */
  addItem(addition, options) {
    return this.#cart(adding("/cart", addition, options));
  }

  /**
   * Add several. On `batch_failed`, what could be added was; `data` has the result of each.
   *
   * @param {{ productId: string, skuId?: string, quantity: number }[]} items
   * @param {CallOptions} [options]
   */
  addItems(items, options) {
    return this.#cart(adding("/cart/batch", { items }, options));
  }

  /**
   * @param {string} itemId
   * @param {{ quantity?: number, selected?: boolean }} change
   * @param {CallOptions} [options]
   */
  updateItem(itemId, change, options) {
    return this.#cart({ method: "PUT", path: itemPath(itemId), body: change, options });
  }

  /**
   * Change several. On `batch_failed`, what could be changed was; `data` has the result of each.
   *
   * @param {{ itemId: string, quantity?: number, selected?: boolean }[]} items
   * @param {CallOptions} [options]
   */
  updateItems(items, options) {
    return this.#cart({ method: "PUT", path: "/cart/batch", body: { items }, options });
  }

  /**
   * Select or deselect some lines, one merchant's lines, or all.
   *
   * @param {{ itemIds: string[] } | { merchantId: string } | { all: true }} lines
   * @param {boolean} selected
   * @param {CallOptions} [options]
   */
  select(lines, selected, options) {
    const body = { ...lines, selected };
    return this.#cart({ method: "PUT", path: "/cart/selection", body, options });
  }

  /**
   * Remove a line, also one that cannot be bought any more.
   *
   * @param {string} itemId
   * @param {CallOptions} [options]
   */
  async removeItem(itemId, options) {
    try {
      return await this.#cart({ method: "DELETE", path: itemPath(itemId), options });
    } catch (error) {
      if (!wasDoneBefore(error, "item_not_found")) throw error;
      return this.getCart();
    }
  }

  /**
   * Remove several. On `batch_failed`, what could be removed was.
   *
   * @param {string[]} itemIds
   * @param {CallOptions} [options]
   */
  removeItems(itemIds, options) {
    return this.#cart({ method: "DELETE", path: "/cart/batch", body: { itemIds }, options });
  }

  /** @param {CallOptions} [options] */
  clearCart(options) {
    return this.#cart({ method: "DELETE", path: "/cart/clear", options });
  }

  /**
   * Take the live prices as known to the buyer, of all lines by default.
   *
   * @param {string[]} [itemIds]
   * @param {CallOptions} [options]
   */
  acknowledgePrices(itemIds, options) {
    return this.#cart({ method: "POST", path: "/cart/acknowledge", body: { itemIds }, options });
  }

  /**
   * Merge a guest's cart into the user's. Signing in does this by itself for this guest.
   *
   * @param {{ guestSessionId: string, strategy?: MergeReport["strategy"] }} guest
   * @param {CallOptions} [options]
   * @returns {Promise<Cart & { merge: MergeReport }>}
   */
  mergeGuestCart(guest, options) {
    return /** @type {Promise<any>} */ (this.#cart(adding("/cart/merge", guest, options)));
  }

  /** @returns {Promise<Summary>} */
  getSummary() {
    return this.#data({ method: "GET", path: "/cart/summary" });
  }

  /** @returns {Promise<Validation>} */
  validateCart() {
    return this.#data({ method: "GET", path: "/cart/validate" });
  }

  // Catalogue

  /**
   * @param {{ search?: string, merchantId?: string, inStock?: boolean, page?: number,
   *   pageSize?: number, ordering?: "price" | "-price" | "name" | "-name" | "createdAt"
   *   | "-createdAt" }} [query]
   * @param {CallOptions} [options]
   * @returns {Promise<Page<Product>>}
   */
  listProducts(query, options) {
    return this.#data({ method: "GET", path: "/products", query, as: "nobody", options });
  }

  /**
   * @param {string} productId
   * @returns {Promise<ProductDetail>}
   */
  getProduct(productId) {
    const path = `/products/${encodeURIComponent(productId)}`;
    return this.#data({ method: "GET", path, as: "nobody" });
  }

  /**
   * @param {{ page?: number, pageSize?: number }} [query]
   * @returns {Promise<Page<Merchant>>}
   */
  listMerchants(query) {
    return this.#data({ method: "GET", path: "/merchants", query, as: "nobody" });
  }

  // Orders

  /**
   * Buy the given lines, or all selected ones. Read the cart afterwards.
   *
   * @param {{ itemIds?: string[], shippingAddress?: Record<string, string>,
   *   contact?: { email?: string, phone?: string, name?: string }, note?: string,
   *   expectedTotal?: number }} order
   * @param {CallOptions} [options]
   * @returns {Promise<Order>}
   */
  createOrder(order, options) {
    return this.#data(adding("/orders", order, options));
  }

  /**
   * @param {{ status?: Order["status"], page?: number, pageSize?: number }} [query]
   * @returns {Promise<Page<Order>>}
   */
  listOrders(query) {
    return this.#data({ method: "GET", path: "/orders", query });
  }

  /**
   * @param {string} orderId
   * @returns {Promise<Order>}
   */
  getOrder(orderId) {
    return this.#data({ method: "GET", path: `/orders/${encodeURIComponent(orderId)}` });
  }

  /**
   * Cancel an order that is not paid. With `restoreCart`, read the cart afterwards.
   *
   * @param {string} orderId
   * @param {{ restoreCart?: boolean }} [choice]
   * @returns {Promise<Order>}
   */
  async cancelOrder(orderId, { restoreCart = false } = {}) {
    const path = `/orders/${encodeURIComponent(orderId)}/cancel`;
    const query = { restoreCart: restoreCart ? "true" : undefined };
    try {
      return await this.#data({ method: "POST", path, query, body: {} });
    } catch (error) {
      if (!wasDoneBefore(error, "invalid_transition")) throw error;
      const order = await this.getOrder(orderId);
      if (order.status !== "CANCELLED") throw error;
      return order;
    }
  }

  // How they are made

  /** @param {Call} call */
  async #data(call) {
    return readData(await this.#transport.send(call, () => this.#identity.identify(call.as)));
  }

  /**
   * Make a call that is answered with the cart, which is learned from refusals as well.
   *
   * @param {Call} call
   * @returns {Promise<Cart>}
   */
  async #cart(call) {
    let { known } = this.#newest;
    const answer = await this.#transport.send(call, async () => {
      const sender = await this.#identity.identify();
      known = this.#newest.known;
      const headers = { ...sender.headers, ...makeCondition(call, known?.etag) };
      return { ...sender, headers };
    });
    if (answer.status === 304 && known) return known.cart;
    const cart = findCart(answer.envelope);
    if (cart) this.#newest.learn(answer, cart);
    return readData(answer);
  }

  /** @param {Call} call */
  async #signIn(call) {
    const answer = await this.#transport.send(call, () => this.#identity.identify("guest"));
    const { user, cart, merge, ...tokens } = readData(answer);
    await this.#identity.signIn(user, tokens);
    if (cart) this.#newest.learn({ ...answer, owner: this.#identity.owner }, cart);
    return { user, cart, merge };
  }

  /** @param {CartNews | SessionNews} news */
  #hear(news) {
    if (news.type === "session") this.#identity.hear(news.session);
    else if (!this.#newest.hear(news)) this.getCart().catch(() => undefined);
  }

  /** @type {(type: string, detail: unknown) => void} */
  #fire(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
