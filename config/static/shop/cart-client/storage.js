/** Where the guest's id and the tokens are kept. */

/** @typedef {Pick<Storage, "getItem" | "setItem" | "removeItem">} KeyStorage */

/** @returns {KeyStorage} localStorage; where that is forbidden, one that ends with the page. */
export function openStorage() {
  try {
    return globalThis.localStorage ?? createPageStorage();
  } catch {
    return createPageStorage();
  }
}

/** @returns {KeyStorage} */
function createPageStorage() {
  /** @type {Map<string, string>} */
  const values = new Map();
  return {
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => void values.set(key, value),
    removeItem: (key) => void values.delete(key),
  };
}
