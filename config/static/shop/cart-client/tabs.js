/** What the tabs of one shop have to do with each other: news, and work that one does at a time. */

/** @import { Session } from "./identity.js" */
/** @import { Cart } from "./types.js" */

/** @typedef {{ type: "cart", owner: string, cart: Cart, etag: string | null }} CartNews */
/** @typedef {{ type: "session", session: Session | null }} SessionNews */

export class Tabs {
  #namespace;
  #closing;
  /** @type {BroadcastChannel | null} */
  #channel;
  /** @type {Promise<unknown>} */
  #lastTurn = Promise.resolve();

  /**
   * @param {string} namespace Prefix of the locks, and the channel's name.
   * @param {AbortSignal} closing Ends both.
   * @param {(news: CartNews | SessionNews) => void} hear What another tab told.
   */
  constructor(namespace, closing, hear) {
    this.#namespace = namespace;
    this.#closing = closing;
    this.#channel = globalThis.BroadcastChannel ? new BroadcastChannel(namespace) : null;
    this.#channel?.addEventListener("message", ({ data }) => hear(data));
    closing.addEventListener("abort", () => this.#channel?.close());
  }

  /** @param {CartNews | SessionNews} news */
  tell(news) {
    if (!this.#closing.aborted) this.#channel?.postMessage(news);
  }

  /**
   * Run work that only one tab may do at a time.
   *
   * @template T
   * @param {string} name
   * @param {() => T | Promise<T>} work
   * @returns {Promise<T>}
   */
  async inTurn(name, work) {
    const signal = this.#closing;
    signal.throwIfAborted();
    const locks = globalThis.navigator?.locks;
    if (locks) return locks.request(`${this.#namespace}.${name}`, { signal }, work);
    // Pages served by plain http have no locks: then at least one at a time within this one.
    const turn = this.#lastTurn.then(work);
    this.#lastTurn = turn.catch(() => undefined);
    return turn;
  }
}
