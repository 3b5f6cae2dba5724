/** How a call fails. */

/** @import { ErrorFields } from "./types.js" */

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

/** Tell whether a refusal only says that an earlier attempt at the same call was carried out. */
export function wasDoneBefore(/** @type {unknown} */ error, /** @type {string} */ type) {
  return error instanceof CartApiError && error.attempts > 1 && error.type === type;
}
