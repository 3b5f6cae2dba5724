/** The newest cart known of whoever shops here, from whichever call or tab it came. */

/** @import { Identity } from "./identity.js" */
/** @import { CartNews, Tabs } from "./tabs.js" */
/** @import { Answer, Transport } from "./transport.js" */
/** @import { Cart } from "./types.js" */

/**
 * @typedef {object} KnownCart
 * @property {string} owner
 * @property {Cart} cart
 * @property {string | null} etag
 * @property {number} at How many requests had been sent when it was learned.
 */

export class NewestCart {
  #transport;
  #tabs;
  #identity;
  #onCart;
  /** @type {KnownCart | null} */
  #known = null;

  /**
   * @param {{ transport: Transport, tabs: Tabs, identity: Identity,
   *   onCart: (cart: Cart) => void }} parts
   */
  constructor({ transport, tabs, identity, onCart }) {
    this.#transport = transport;
    this.#tabs = tabs;
    this.#identity = identity;
    this.#onCart = onCart;
  }

  /** The cart of the present identity; null before the first one was learned. */
  get known() {
    return this.#known?.owner === this.#identity.owner ? this.#known : null;
  }

  /** Learn a cart from an answer, unless a newer one overtook it. */
  learn(/** @type {Answer} */ { owner, started, etag, isReplay }, /** @type {Cart} */ cart) {
    if (owner === null || owner !== this.#identity.owner) return;
    const { known } = this;
    const isOlder = known !== null && cart.version < known.cart.version;
    if (isOlder && (isReplay || started <= known.at)) return;
    const isNew = cart.version !== known?.cart.version;
    this.#keep({ owner, cart, etag });
    if (isNew) this.#tabs.tell({ type: "cart", owner, cart, etag });
    this.#onCart(cart);
  }

  /**
   * Learn a cart from another tab. Return false if an older one came, for the API to be asked: it
   * was overtaken on its way, or the cart ended and another began.
   *
   * @type {(news: CartNews) => boolean}
   */
  hear({ owner, cart, etag }) {
    if (owner !== this.#identity.owner) return true;
    const version = this.known?.cart.version ?? -1;
    if (cart.version > version) {
      this.#keep({ owner, cart, etag });
      this.#onCart(cart);
    }
    return cart.version >= version;
  }

  /** @param {Omit<KnownCart, "at">} news */
  #keep(news) {
    this.#known = { ...news, at: this.#transport.sent };
  }
}
