/**
 * A client of the Cartwright API for storefronts: one module, nothing to install, nothing to build.
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
 * It touches no DOM. Where there is no localStorage, BroadcastChannel or navigator.locks, it works
 * for as long as the page lives, in this tab.
 */

/**
 * @typedef {{ id: string, name: string }} Merchant
 * @typedef {{ id: string, username: string, email: string }} User
 * @typedef {{ from: number, to: number, direction: "up" | "down" }} PriceChange
 *
 * @typedef {object} Notices
 * @property {number | null} purchaseLimit Most units one buyer may ever buy.
 * @property {number | null} remainingLimit What is left of that.
 * @property {boolean} insufficientStock The line has more units than there are.
 * @property {boolean} outOfStock
 * @property {boolean} lowStock
 * @property {number} priceAtAdd The price when the line was added or last acknowledged.
 * @property {PriceChange | null} priceChange
 *
 * @typedef {object} CartItem
 * @property {string} id
 * @property {string} cartId
 * @property {string} productId
 * @property {string} skuId
 * @property {number} quantity
 * @property {number} price Live, as are the product's price and stock.
 * @property {number} totalPrice
 * @property {boolean} selected
 * @property {{ id: string, name: string, description: string, price: number,
 *   originalPrice: number | null, stock: number, images: string[], status: number,
 *   merchant: Merchant }} product
 * @property {{ id: string, code: string, attributes: Record<string, string> }} sku
 * @property {Notices} extraData
 * @property {string} createdAt
 * @property {string} updatedAt
 *
 * @typedef {object} UnavailableItem A line that cannot be bought now, as it was when added.
 * @property {string} id
 * @property {string} productId
 * @property {string} skuId
 * @property {number} quantity
 * @property {boolean} selected
 * @property {"off_shelf" | "out_of_stock" | "deleted"} reason
 * @property {{ name: string, image: string, price: number }} snapshot
 * @property {Partial<Notices>} extraData
 *
 * @typedef {object} Cart Its totals count lines that are selected and can be bought.
 * @property {string} id
 * @property {string | null} userId
 * @property {string | null} sessionId
 * @property {"ACTIVE" | "EXPIRED" | "CHECKEDOUT"} status
 * @property {string} currency ISO 4217.
 * @property {number} totalAmount
 * @property {number} itemCount In units.
 * @property {number} selectedCount In lines.
 * @property {number} selectedAmount
 * @property {CartItem[]} items
 * @property {UnavailableItem[]} unavailableItems
 * @property {number} version Only grows.
 * @property {string} expiresAt
 * @property {string} createdAt
 * @property {string} updatedAt
 *
 * @typedef {object} MergeReport
 * @property {"sum" | "guest_wins" | "user_wins" | "max"} strategy
 * @property {number} mergedItems In lines.
 * @property {{ skuId: string, requested: number, quantity: number, reason: string }[]} capped
 * @property {{ skuId: string, requested: number, reason: string }[]} skipped
 * @property {number} ordersClaimed Orders of the guest that are the user's now.
 * @property {string} [skippedReason] Why nothing was merged, where that is so.
 *
 * @typedef {{ user: User, cart: Cart | null, merge: MergeReport | null }} SignIn
 *
 * @typedef {object} Validation
 * @property {boolean} isValid
 * @property {{ itemId: string, productId: string, productName: string, issues: string[],
 *   codes: string[] }[]} issues
 * @property {CartItem[]} validItems
 * @property {number} invalidItemCount
 *
 * @typedef {object} Product As lists show it: the lowest price, and the stock of all SKUs.
 * @property {string} id
 * @property {string} name
 * @property {string} description
 * @property {number} price
 * @property {number | null} originalPrice
 * @property {number} stock
 * @property {string[]} images
 * @property {number} status
 * @property {Merchant} merchant
 * @property {number} skuCount
 *
 * @typedef {{ id: string, code: string, attributes: Record<string, string>, price: number,
 *   originalPrice: number | null, stock: number, purchaseLimit: number | null }} Sku
 * @typedef {Product & { skus: Sku[] }} ProductDetail
 *
 * @typedef {object} Order
 * @property {string} id
 * @property {string} orderNumber
 * @property {"PENDING" | "PAID" | "SHIPPED" | "COMPLETED" | "CANCELLED"} status
 * @property {number} totalAmount
 * @property {string} currency
 * @property {number} itemCount
 * @property {{ id: string, productId: string, skuId: string, skuCode: string, name: string,
 *   image: string, price: number, quantity: number, totalPrice: number,
 *   merchant: Merchant }[]} items
 * @property {Record<string, string> | null} shippingAddress
 * @property {Record<string, string> | null} contact
 * @property {string | null} note
 * @property {string} createdAt
 * @property {string | null} paidAt
 * @property {string | null} cancelledAt
 * @property {string} expiresAt An unpaid order is cancelled then.
 * @property {{ lines: { skuId: string, quantity: number }[],
 *   capped: { skuId: string, requested: number, quantity: number, reason: string }[] } | null}
 *   returned What of a cancelled order went back into the cart.
 */

/**
 * @template T
 * @typedef {{ items: T[], total: number, page: number, pageSize: number }} Page
 */

/**
 * @typedef {object} CallOptions
 * @property {boolean} [ifUnchanged] Refuse (`cart_changed`) if the cart is not the one last seen.
 * @property {string} [idempotencyKey] For calls that add: your own key, to repeat one later.
 * @property {boolean} [keepalive] Let the call outlive the page.
 * @property {AbortSignal} [signal]
 */

/**
 * The fields that come with some of the error types.
 *
 * @typedef {object} ErrorFields
 * @property {{ available: number, inCart: number, requested: number }} insufficient_stock
 * @property {{ limit: number, remaining: number, inCart: number, requested: number
 *   }} purchase_limit_exceeded
 * @property {{ expectedTotal: number, totalAmount: number }} price_changed
 * @property {{ status: Order["status"], wanted: Order["status"] }} invalid_transition
 * @property {{ fields: Record<string, string[]> }} account_exists
 * @property {{ fields?: Record<string, string[]>, field?: string, reason?: string }} invalid_field
 * @property {{ skuIds: string[] }} sku_required
 * @property {{ failedCount: number, successCount: number, codes: string[] }} batch_failed
 */

/** A refusal by the API, or a failure to reach it. */
export class CartApiError extends Error {
  /**
   * @param {{ status: number, type: string, message: string, details?: Record<string, any>,
   *   data?: any, retryAfterSeconds?: number | null, requestId?: string | null,
   *   attempts?: number }} failure
   */
  constructor(failure) {
    super(failure.message);
    this.name = "CartApiError";
    /** The HTTP status; 0 where no answer came. */
    this.status = failure.status;
    /** The stable slug, such as `insufficient_stock`; `network_error` where no answer came. */
    this.type = failure.type;
    /** @type {Record<string, any>} The fields beside the slug. */
    this.details = failure.details ?? {};
    /** @type {any} For instance the results of a batch, or what validation found. */
    this.data = failure.data ?? null;
    /** When to try again, where the API said so. */
    this.retryAfterSeconds = failure.retryAfterSeconds ?? null;
    /** Names the request in the server's log. */
    this.requestId = failure.requestId ?? null;
    /** How often the call was sent; an earlier attempt may have been carried out. */
    this.attempts = failure.attempts ?? 1;
  }

  /**
   * Tell whether the error is of this type, and so which fields `details` has.
   *
   * @template {keyof ErrorFields} T
   * @param {T} type
   * @returns {this is CartApiError & { details: ErrorFields[T] }}
   */
  is(type) {
    return this.type === type;
  }
}

/**
 * @typedef {{ user: User, access: string, refresh: string, usableUntil: number }} Session
 *
 * @typedef {object} Call
 * @property {string} method
 * @property {string} path
 * @property {unknown} [body]
 * @property {Record<string, unknown>} [query] Entries that are undefined, null or "" are left out.
 * @property {"owner" | "guest" | "nobody"} [as] With which identity; `guest` only if there is one.
 * @property {boolean} [repeatable] Whether sending it twice does no harm; the default is yes.
 * @property {Record<string, string>} [headers]
 * @property {CallOptions} [options]
 *
 * @typedef {object} Answer
 * @property {number} status
 * @property {any} envelope
 * @property {string | null} etag
 * @property {number | null} retryAfterSeconds
 * @property {string | null} requestId
 * @property {boolean} isReplay Whether it was given before, to an earlier attempt.
 * @property {string | null} owner Whose cart the call was about.
 * @property {string | null} token The access token that was sent.
 * @property {number} started When the call was sent, on the client's own clock.
 */

const GUEST_ID = /^(?!undefined$)[A-Z0-9_-]{8,128}$/i;
const RETRIED_STATUSES = new Set([0, 429, 502, 503, 504]);
const FIRST_WAIT_SECONDS = 0.3;
// Part of a token's life after which it is replaced.
const USABLE_PART = 0.9;
// How long another tab's write to localStorage may take to be seen in this one.
const STORAGE_LAG_MS = 300;

/**
 * Fires `cart` (detail: the newest cart known) and `identity` (detail: `{ user }`, null for a
 * guest), whichever tab the change was made in.
 */
export class CartClient extends EventTarget {
  #baseUrl;
  #fetch;
  #storage;
  #namespace;
  #timeoutMs;
  #maxAttempts;
  #maxWaitSeconds;
  /** @type {BroadcastChannel | null} */
  #channel;
  /** @type {Session | null} */
  #session;
  /** @type {{ owner: string, cart: Cart, etag: string | null, at: number } | null} */
  #known = null;
  #clock = 0;
  /** @type {Promise<unknown>} */
  #lastTurn = Promise.resolve();

  /**
   * @param {object} [settings]
   * @param {string} [settings.baseUrl]
   * @param {typeof globalThis.fetch} [settings.fetch]
   * @param {Pick<Storage, "getItem" | "setItem" | "removeItem">} [settings.storage]
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
    this.#baseUrl = baseUrl;
    this.#fetch = fetch;
    this.#storage = storage;
    this.#namespace = namespace;
    this.#timeoutMs = timeoutMs;
    this.#maxAttempts = maxAttempts;
    this.#maxWaitSeconds = maxWaitSeconds;
    this.#session = this.#readSession();
    this.#channel = globalThis.BroadcastChannel ? new BroadcastChannel(namespace) : null;
    this.#channel?.addEventListener("message", (event) => this.#hear(event.data));
  }

  // Identity

  /** Who is signed in; null for a guest. */
  get user() {
    return this.#session?.user ?? null;
  }

  /** Whether there is anybody yet who could have a cart: a user, or a guest with an id. */
  get hasIdentity() {
    return this.#owner !== null;
  }

  /** The newest cart known of the present identity; null before the first one was read. */
  get cart() {
    return this.#known?.owner === this.#owner ? this.#known.cart : null;
  }

  /**
   * Make an account, sign in, and merge the guest's cart into the user's.
   *
   * @param {{ username: string, email: string, password: string }} account
   * @returns {Promise<SignIn>}
   */
  register(account) {
    return this.#signIn({ path: "/auth/register", body: account, repeatable: false });
  }

  /**
   * Sign in, and merge the guest's cart into the user's.
   *
   * @param {{ username?: string, email?: string, password: string }} credentials
   * @returns {Promise<SignIn>}
   */
  login(credentials) {
    return this.#signIn({ path: "/auth/login", body: credentials });
  }

  /** Sign out here in any case; throws if the API could not be told. */
  async logout() {
    const session = await this.#inTurn("session", () => {
      const ended = this.#newestSession();
      this.#endSession();
      return ended;
    });
    if (session === null) return;
    const body = { refresh: session.refresh };
    try {
      await this.#send({ method: "POST", path: "/auth/logout", body, as: "nobody" });
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
    this.#storage.removeItem(`${this.#namespace}.guest`);
    this.#fire("identity", { user: this.user });
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
    return this.#cart(adding("/cart/merge", guest, options));
  }

  /**
   * @returns {Promise<{ totalAmount: number, totalItems: number, selectedItems: number,
   *   selectedAmount: number }>}
   */
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

  // What a call is made of

  /** @param {Call} call */
  async #data(call) {
    return (await this.#send(call)).envelope.data;
  }

  /** @param {Call} call */
  async #cart(call) {
    const isRead = call.method === "GET";
    let base = this.#known;
    const answer = await this.#send(call, () => {
      base = this.#known?.owner === this.#owner ? this.#known : null;
      if (!base?.etag || !(isRead || call.options?.ifUnchanged)) return {};
      return { [isRead ? "If-None-Match" : "If-Match"]: base.etag };
    });
    if (answer.status === 304) return base?.cart;
    this.#learnCart(answer, answer.envelope.data);
    return answer.envelope.data;
  }

  /**
   * Send a call until it is answered for good.
   *
   * @param {Call} call
   * @param {() => Record<string, string>} [conditions] Headers that depend on what is known.
   */
  async #send(call, conditions = () => ({})) {
    let renewed = false;
    for (let attempt = 1; ; attempt += 1) {
      const answer = await this.#attempt(call, conditions);
      if (answer.status === 304 || answer.envelope?.success) return answer;
      if (answer.status === 401 && answer.token !== null && !renewed) {
        renewed = true;
        await this.#renewAccess(answer.token);
        continue;
      }
      const wait = this.#secondsToWait(call, answer, attempt);
      if (wait === null) throw this.#fail(answer, attempt);
      await sleep(wait * 1000);
    }
  }

  /**
   * @param {Call} call
   * @param {() => Record<string, string>} conditions
   * @returns {Promise<Answer>}
   */
  async #attempt(call, conditions) {
    const { method, path, query, options } = call;
    const identity = await this.#identify(call.as ?? "owner");
    const sent = { ...identity, started: (this.#clock += 1) };
    const body = call.body === undefined ? undefined : JSON.stringify(call.body);
    const type = body === undefined ? {} : { "Content-Type": "application/json" };
    const headers = { ...type, ...identity.headers, ...conditions(), ...call.headers };
    const signals = [AbortSignal.timeout(this.#timeoutMs)];
    if (options?.signal) signals.push(options.signal);
    try {
      const response = await this.#fetch(this.#baseUrl + path + queryString(query), {
        method,
        headers: /** @type {Record<string, string>} */ (headers),
        body,
        cache: "no-store",
        credentials: "omit",
        keepalive: options?.keepalive ?? false,
        signal: AbortSignal.any(signals),
      });
      return { ...sent, ...(await readAnswer(response)) };
    } catch {
      options?.signal?.throwIfAborted();
      return { ...sent, ...NO_ANSWER };
    }
  }

  /**
   * @param {"owner" | "guest" | "nobody"} as
   * @returns {Promise<{ headers: Record<string, string>, owner: string | null,
   *   token: string | null }>}
   */
  async #identify(as) {
    if (as === "nobody") return { headers: {}, owner: null, token: null };
    if (as === "owner" && this.#session) {
      const session = this.#session;
      const token = isUsable(session) ? session.access : await this.#renewAccess(null);
      return { headers: { Authorization: `Bearer ${token}` }, owner: this.#owner, token };
    }
    const guestId = as === "owner" ? await this.#ensureGuestId() : this.#guestId;
    const owner = guestId && `guest:${guestId}`;
    return { headers: guestId ? { "X-Guest-ID": guestId } : {}, owner, token: null };
  }

  /**
   * @param {Call} call
   * @param {Answer} answer
   * @param {number} attempt Counted from 1.
   * @returns {number | null} Null if the call is not to be sent again.
   */
  #secondsToWait(call, answer, attempt) {
    const isRunning = answer.envelope?.error?.type === "request_in_progress";
    if (!isRunning && !RETRIED_STATUSES.has(answer.status)) return null;
    if (call.repeatable === false || attempt >= this.#maxAttempts) return null;
    const backoff = FIRST_WAIT_SECONDS * 2 ** (attempt - 1) * (0.5 + Math.random());
    const wait = Math.max(backoff, answer.retryAfterSeconds ?? 0);
    return wait <= this.#maxWaitSeconds ? wait : null;
  }

  /**
   * @param {Answer} answer
   * @param {number} attempts
   */
  #fail(answer, attempts) {
    const { status, envelope, retryAfterSeconds, requestId } = answer;
    const { type = status === 0 ? "network_error" : "bad_answer", ...details } =
      envelope?.error ?? {};
    const data = envelope?.data;
    // Both refusals carry the cart as it is now.
    if (type === "cart_changed") this.#learnCart(answer, data);
    if (type === "batch_failed" && data?.cart) this.#learnCart(answer, data.cart);
    const message = envelope?.message ?? (status === 0 ? "No answer" : `Status ${status}`);
    const failure = { status, type, message, details, data, retryAfterSeconds, requestId };
    return new CartApiError({ ...failure, attempts });
  }

  // Sessions and tokens

  get #owner() {
    if (this.#session) return `user:${this.#session.user.id}`;
    return this.#guestId === null ? null : `guest:${this.#guestId}`;
  }

  /** What cannot be a guest's id ("undefined", "null") is as good as none: a new one is made. */
  get #guestId() {
    const id = this.#storage.getItem(`${this.#namespace}.guest`);
    return id !== null && GUEST_ID.test(id) ? id : null;
  }

  async #ensureGuestId() {
    return (
      this.#guestId ??
      this.#inTurn("guest", async () => {
        if (this.#guestId !== null) return this.#guestId;
        const { guestId } = await this.#data({ method: "POST", path: "/auth/guest", as: "nobody" });
        this.#storage.setItem(`${this.#namespace}.guest`, guestId);
        return guestId;
      })
    );
  }

  /** @param {Pick<Call, "path" | "body" | "repeatable">} call */
  async #signIn(call) {
    const answer = await this.#send({ method: "POST", as: "guest", ...call });
    const { user, cart, merge, ...tokens } = answer.envelope.data;
    await this.#inTurn("session", () => this.#keepSession(user, tokens));
    this.#announceIdentity();
    if (cart) this.#learnCart({ ...answer, owner: this.#owner }, cart);
    return { user, cart, merge };
  }

  /**
   * @param {User} user
   * @param {{ access: string, refresh: string }} tokens
   */
  #keepSession(user, { access, refresh }) {
    const usableMs = readLifetimeSeconds(access) * 1000 * USABLE_PART;
    const session = { user, access, refresh, usableUntil: Date.now() + usableMs };
    this.#session = session;
    this.#storage.setItem(`${this.#namespace}.session`, JSON.stringify(session));
    return session;
  }

  #endSession() {
    this.#session = null;
    this.#storage.removeItem(`${this.#namespace}.session`);
    this.#announceIdentity();
  }

  /** Return this tab's session, or a later one that another tab has stored. */
  #newestSession() {
    const stored = this.#readSession();
    const isLater = stored && !(this.#session && this.#session.usableUntil >= stored.usableUntil);
    if (stored === null || isLater) this.#session = stored;
    return this.#session;
  }

  /** @returns {Session | null} */
  #readSession() {
    const text = this.#storage.getItem(`${this.#namespace}.session`);
    return text === null ? null : JSON.parse(text);
  }

  /**
   * Return an access token that is not the rejected one, renewed by this tab or by another.
   *
   * @param {string | null} rejected
   * @returns {Promise<string>}
   */
  #renewAccess(rejected) {
    return this.#inTurn("session", async () => {
      for (let session = this.#newestSession(); session; session = this.#newestSession()) {
        if (isUsable(session) && session.access !== rejected) return session.access;
        const { refresh } = session;
        try {
          return await this.#rotateTokens(session);
        } catch (error) {
          if (!(error instanceof CartApiError) || error.status !== 401) throw error;
        }
        // Another tab may have used the token, and its new one may not have come through yet.
        await sleep(STORAGE_LAG_MS);
        if (this.#newestSession()?.refresh === refresh) break;
      }
      this.#endSession();
      throw new CartApiError({ status: 401, type: "token_not_valid", message: "Signed out" });
    });
  }

  /** @param {Session} session */
  async #rotateTokens({ user, refresh }) {
    const path = "/auth/refresh";
    const tokens = await this.#data({ method: "POST", path, body: { refresh }, as: "nobody" });
    const session = this.#keepSession(user, tokens);
    this.#channel?.postMessage({ type: "session", session });
    return session.access;
  }

  // Tabs

  /**
   * Run work that only one tab may do at a time.
   *
   * @template T
   * @param {string} name
   * @param {() => T | Promise<T>} work
   * @returns {Promise<T>}
   */
  #inTurn(name, work) {
    const locks = globalThis.navigator?.locks;
    if (locks) return locks.request(`${this.#namespace}.${name}`, work);
    // Pages served by plain http have no locks: then at least one at a time within this one.
    const turn = this.#lastTurn.then(work);
    this.#lastTurn = turn.catch(() => undefined);
    return turn;
  }

  #announceIdentity() {
    this.#channel?.postMessage({ type: "session", session: this.#session });
    this.#fire("identity", { user: this.user });
  }

  /** @param {any} message From another tab. */
  #hear(message) {
    if (message.type === "cart" && message.owner === this.#owner) this.#hearCart(message);
    if (message.type !== "session") return;
    const userId = this.user?.id;
    this.#session = message.session;
    if (this.user?.id !== userId) this.#fire("identity", { user: this.user });
  }

  /** @param {{ owner: string, cart: Cart, etag: string | null }} message */
  #hearCart({ owner, cart, etag }) {
    const version = this.cart?.version ?? -1;
    if (cart.version > version) {
      this.#known = { owner, cart, etag, at: (this.#clock += 1) };
      this.#fire("cart", cart);
    } else if (cart.version < version) {
      // Either it was overtaken on its way here, or the cart ended and another began.
      this.getCart().catch(() => undefined);
    }
  }

  /**
   * @param {Answer} answer
   * @param {Cart} cart
   */
  #learnCart({ owner, started, etag, isReplay }, cart) {
    if (owner === null || owner !== this.#owner) return;
    const known = this.#known?.owner === owner ? this.#known : null;
    const isOlder = known !== null && cart.version < known.cart.version;
    if (isOlder && (isReplay || started < known.at)) return;
    this.#known = { owner, cart, etag, at: (this.#clock += 1) };
    if (cart.version !== known?.cart.version) {
      this.#channel?.postMessage({ type: "cart", owner, cart, etag });
    }
    this.#fire("cart", cart);
  }

  /**
   * @param {string} type
   * @param {unknown} detail
   */
  #fire(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/**
 * A call that counts once however often it is sent.
 *
 * @param {string} path
 * @param {unknown} body
 * @param {CallOptions} [options]
 * @returns {Call}
 */
function adding(path, body, options) {
  const key = options?.idempotencyKey ?? newKey();
  return { method: "POST", path, body, options, headers: { "Idempotency-Key": key } };
}

/** Return 128 random bits as text; unlike crypto.randomUUID, on pages served by plain http too. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Tell whether a refusal only says that an earlier attempt at the same call was carried out.
 *
 * @param {unknown} error
 * @param {string} type
 */
function wasDoneBefore(error, type) {
  return error instanceof CartApiError && error.attempts > 1 && error.type === type;
}

/** @param {Session} session */
function isUsable(session) {
  return Date.now() < session.usableUntil;
}

/** @param {string} itemId */
function itemPath(itemId) {
  return `/cart/item/${encodeURIComponent(itemId)}`;
}

/** @param {Record<string, unknown>} [query] */
function queryString(query = {}) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") parameters.set(name, String(value));
  }
  return parameters.size ? `?${parameters}` : "";
}

const NO_ANSWER = {
  status: 0,
  envelope: null,
  etag: null,
  retryAfterSeconds: null,
  requestId: null,
  isReplay: false,
};

/** @param {Response} response */
async function readAnswer(response) {
  const isJson = response.headers.get("Content-Type")?.startsWith("application/json");
  const seconds = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  return {
    status: response.status,
    envelope: isJson ? await response.json() : null,
    etag: response.headers.get("ETag"),
    retryAfterSeconds: Number.isNaN(seconds) ? null : seconds,
    requestId: response.headers.get("X-Request-ID"),
    isReplay: response.headers.has("Idempotent-Replayed"),
  };
}

/**
 * Return how long a token lives in all, which, unlike its expiry, needs no right clock here.
 *
 * @param {string} token
 */
function readLifetimeSeconds(token) {
  const payload = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
  const { exp, iat } = JSON.parse(atob(payload));
  return exp - iat;
}

/** Return localStorage, or something that lives as long as the page where that is forbidden. */
function openStorage() {
  try {
    return globalThis.localStorage ?? new PageStorage();
  } catch {
    return new PageStorage();
  }
}

class PageStorage {
  /** @type {Map<string, string>} */
  #values = new Map();

  /** @param {string} key */
  getItem(key) {
    return this.#values.get(key) ?? null;
  }

  /**
   * @param {string} key
   * @param {string} value
   */
  setItem(key, value) {
    this.#values.set(key, value);
  }

  /** @param {string} key */
  removeItem(key) {
    this.#values.delete(key);
  }
}

/** @param {number} milliseconds */
function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
