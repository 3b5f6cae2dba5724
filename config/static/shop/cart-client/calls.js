/** What calls are made of, and what their answers carry. */

/** @import { Call } from "./transport.js" */
/** @import { CallOptions, Cart } from "./types.js" */

/**
 * Make a call that counts once however often it is sent.
 *
 * @type {(path: string, body: unknown, options?: CallOptions) => Call}
 */
export function adding(path, body, options) {
  const key = options?.idempotencyKey ?? newKey();
  return { method: "POST", path, body, options, headers: { "Idempotency-Key": key } };
}

/** Return 128 random bits as text; unlike crypto.randomUUID, on pages served by plain http too. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {string} itemId */
export function itemPath(itemId) {
  return `/cart/item/${encodeURIComponent(itemId)}`;
}

/**
 * Return the header that makes a call depend on the cart that is known.
 *
 * @type {(call: Call, etag?: string | null) => Record<string, string>}
 */
export function makeCondition({ method, options }, etag) {
  if (!etag) return {};
  if (method === "GET") return { "If-None-Match": etag };
  return options?.ifUnchanged ? { "If-Match": etag } : {};
}

/** @returns {Cart | null | undefined} The cart in an answer; two of the refusals carry it, too. */
export function findCart(/** @type {any} */ envelope) {
  const type = envelope?.error?.type;
  if (type === "batch_failed") return envelope.data?.cart;
  return envelope?.success || type === "cart_changed" ? envelope.data : null;
}
