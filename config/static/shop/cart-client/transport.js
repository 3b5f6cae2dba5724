/** Sending calls to the API: once more where one failed on the way. */

import { CartApiError } from "./errors.js";

/** @import { CallOptions } from "./types.js" */

/**
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
 * @typedef {object} Sender With whose identity a call is sent.
 * @property {Record<string, string>} headers
 * @property {string | null} owner Whose cart the call is about.
 * @property {() => Promise<unknown>} [renew] Replaces the access token that was refused.
 *
 * @typedef {object} Reply What one sending came to.
 * @property {number} status 0 where no answer came.
 * @property {any} envelope
 * @property {string | null} etag
 * @property {number | null} retryAfterSeconds
 * @property {string | null} requestId
 * @property {boolean} isReplay Whether it was given before, to an earlier attempt.
 * @property {string | null} owner Whose cart the call was about.
 * @property {number} started The number of the request, in the order of sending.
 *
 * @typedef {Reply & { attempts: number }} Answer With how often the call was sent.
 *
 * @typedef {{ baseUrl: string, fetch: typeof globalThis.fetch, timeoutMs: number,
 *   maxAttempts: number, maxWaitSeconds: number }} TransportSettings As the client takes them.
 */

const RETRIED_STATUSES = new Set([0, 429, 502, 503, 504]);
const FIRST_WAIT_SECONDS = 0.3;
const NO_ANSWER = {
  status: 0,
  envelope: null,
  etag: null,
  retryAfterSeconds: null,
  requestId: null,
  isReplay: false,
};

export class Transport {
  #settings;
  #closing;
  /** The number of requests sent so far. */
  sent = 0;

  /**
   * @param {TransportSettings} settings
   * @param {AbortSignal} closing Ends calls under way, and refuses later ones.
   */
  constructor(settings, closing) {
    this.#settings = settings;
    this.#closing = closing;
  }

  /**
   * Send a call until it is answered for good; each attempt is identified anew.
   *
   * @type {(call: Call, identify: () => Promise<Sender>) => Promise<Answer>}
   */
  async send(call, identify) {
    const signal = call.options?.signal;
    const stop = signal ? AbortSignal.any([this.#closing, signal]) : this.#closing;
    let isRenewed = false;
    for (let attempt = 1; ; attempt += 1) {
      stop.throwIfAborted();
      const sender = await identify();
      const answer = await this.#attempt(call, sender, stop);
      if (answer.status === 401 && sender.renew && !isRenewed) {
        isRenewed = true;
        await sender.renew();
        continue;
      }
      const wait = this.#secondsToWait(call, answer, attempt);
      if (wait === null) return { ...answer, attempts: attempt };
      await sleep(wait * 1000, stop);
    }
  }

  /** @type {(call: Call, sender: Sender, stop: AbortSignal) => Promise<Reply>} */
  async #attempt({ method, path, query, body, headers, options }, sender, stop) {
    const { baseUrl, fetch, timeoutMs } = this.#settings;
    const sent = { owner: sender.owner, started: (this.sent += 1) };
    const type = body === undefined ? undefined : { "Content-Type": "application/json" };
    try {
      const response = await fetch(baseUrl + path + queryString(query), {
        method,
        headers: { ...type, ...sender.headers, ...headers },
        body: body === undefined ? undefined : JSON.stringify(body),
        cache: "no-store",
        credentials: "omit",
        keepalive: options?.keepalive ?? false,
        signal: AbortSignal.any([stop, AbortSignal.timeout(timeoutMs)]),
      });
      return { ...sent, ...(await readAnswer(response)) };
    } catch {
      stop.throwIfAborted();
      return { ...sent, ...NO_ANSWER };
    }
  }

  /** @type {(call: Call, reply: Reply, attempt: number) => number | null} Null to send no more. */
  #secondsToWait({ repeatable = true }, { status, envelope, retryAfterSeconds }, attempt) {
    const isRunning = envelope?.error?.type === "request_in_progress";
    if (!isRunning && !RETRIED_STATUSES.has(status)) return null;
    if (!repeatable || attempt >= this.#settings.maxAttempts) return null;
    const backoff = FIRST_WAIT_SECONDS * 2 ** (attempt - 1) * (0.5 + Math.random());
    const wait = Math.max(backoff, retryAfterSeconds ?? 0);
    return wait <= this.#settings.maxWaitSeconds ? wait : null;
  }
}

/** Return what an answer carries, or throw the refusal that it is. */
export function readData(/** @type {Answer} */ answer) {
  const { status, envelope, retryAfterSeconds, requestId, attempts } = answer;
  if (envelope?.success) return envelope.data;
  const { type = status === 0 ? "network_error" : "bad_answer", ...details } =
    envelope?.error ?? {};
  const message = envelope?.message ?? (status === 0 ? "No answer" : `Status ${status}`);
  const data = envelope?.data;
  const failure = { status, type, message, details, data, retryAfterSeconds, requestId };
  throw new CartApiError({ ...failure, attempts });
}

/** @returns {Promise<void>} Rejected with the signal's reason as soon as it is aborted. */
export function sleep(/** @type {number} */ milliseconds, /** @type {AbortSignal} */ signal) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal.addEventListener("abort", stop);
  });
}

/** @param {Record<string, unknown>} [query] */
function queryString(query = {}) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") parameters.set(name, String(value));
  }
  return parameters.size ? `?${parameters}` : "";
}

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
