/** Where the guest's id and the tokens are kept. */

/** @typedef {Pick<Storage, "getItem" | "setItem" | "removeItem">} KeyStorage */

/**
 * Return localStorage, or something that lives as long as the page where that is forbidden.
 *
 * @returns {KeyStorage}
 */
export function openStorage() {
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
