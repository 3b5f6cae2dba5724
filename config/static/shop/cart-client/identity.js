/** Who shops here: a guest by an id, or a user by tokens; the same in all tabs. */

import { CartApiError } from "./errors.js";
import { readData, sleep } from "./transport.js";

/** @import { KeyStorage } from "./storage.js" */
/** @import { Tabs } from "./tabs.js" */
/** @import { Call, Sender, Transport } from "./transport.js" */
/** @import { User } from "./types.js" */

/** @typedef {{ access: string, refresh: string }} Tokens */
/** @typedef {Tokens & { user: User, usableUntil: number }} Session */

const GUEST_ID = /^(?!undefined$)[A-Z0-9_-]{8,128}$/i;
// Part of a token's life after which it is replaced.
const USABLE_PART = 0.9;
// How long another tab's write to localStorage may take to be seen in this one.
const STORAGE_LAG_MS = 300;
/** @type {Sender} */
const NOBODY = { headers: {}, owner: null };

export class Identity {
  #transport;
  #tabs;
  #storage;
  #guestKey;
  #sessionKey;
  #closing;
  #onChange;
  /** @type {Session | null} */
  #session;

  /**
   * @param {{ transport: Transport, tabs: Tabs, storage: KeyStorage, namespace: string,
   *   closing: AbortSignal, onChange: () => void }} parts
   */
  constructor({ transport, tabs, storage, namespace, closing, onChange }) {
    this.#transport = transport;
    this.#tabs = tabs;
    this.#storage = storage;
    this.#guestKey = `${namespace}.guest`;
    this.#sessionKey = `${namespace}.session`;
    this.#closing = closing;
    this.#onChange = onChange;
    this.#session = this.#readSession();
  }

  /** Who is signed in; null for a guest. */
  get user() {
    return this.#session?.user ?? null;
  }

  /** Whose cart calls are about; null while there is neither a user nor a guest's id. */
  get owner() {
    if (this.#session) return `user:${this.#session.user.id}`;
    return this.#guestId === null ? null : `guest:${this.#guestId}`;
  }

  /**
   * Return as whom to send a call; one of the owner gets a guest's id if there is none yet.
   *
   * @type {(as?: Call["as"]) => Promise<Sender>}
   */
  async identify(as = "owner") {
    if (as === "nobody") return NOBODY;
    if (as === "owner" && this.#session) {
      const session = this.#session;
      const token = isUsable(session) ? session.access : await this.#renewAccess(null);
      const headers = { Authorization: `Bearer ${token}` };
      return { headers, owner: this.owner, renew: () => this.#renewAccess(token) };
    }
    const guestId = as === "owner" ? await this.#ensureGuestId() : this.#guestId;
    return guestId ? { headers: { "X-Guest-ID": guestId }, owner: `guest:${guestId}` } : NOBODY;
  }

  /** Begin a session, here and in the other tabs. */
  async signIn(/** @type {User} */ user, /** @type {Tokens} */ tokens) {
    await this.#tabs.inTurn("session", () => this.#keepSession(user, tokens));
    this.#announce();
  }

  /** @returns {Promise<Session | null>} The session that was ended, here and in the other tabs. */
  signOut() {
    return this.#tabs.inTurn("session", () => {
      const ended = this.#newestSession();
      this.#endSession();
      return ended;
    });
  }

  forgetGuest() {
    this.#storage.removeItem(this.#guestKey);
    this.#onChange();
  }

  /** Take over the session of another tab. */
  hear(/** @type {Session | null} */ session) {
    const userId = this.user?.id;
    this.#session = session;
    if (this.user?.id !== userId) this.#onChange();
  }

  /** What cannot be a guest's id ("undefined", "null") is as good as none: a new one is made. */
  get #guestId() {
    const id = this.#storage.getItem(this.#guestKey);
    return id !== null && GUEST_ID.test(id) ? id : null;
  }

  async #ensureGuestId() {
    if (this.#guestId !== null) return this.#guestId;
    return this.#tabs.inTurn("guest", async () => {
      if (this.#guestId !== null) return this.#guestId;
      const { guestId } = await this.#post("/auth/guest");
      this.#storage.setItem(this.#guestKey, guestId);
      return guestId;
    });
  }

  /** @type {(user: User, tokens: Tokens) => Session} */
  #keepSession(user, { access, refresh }) {
    const usableMs = readLifetimeSeconds(access) * 1000 * USABLE_PART;
    const session = { user, access, refresh, usableUntil: Date.now() + usableMs };
    this.#session = session;
    this.#storage.setItem(this.#sessionKey, JSON.stringify(session));
    return session;
  }

  #endSession() {
    this.#session = null;
    this.#storage.removeItem(this.#sessionKey);
    this.#announce();
  }

  #announce() {
    this.#tabs.tell({ type: "session", session: this.#session });
    this.#onChange();
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
    const text = this.#storage.getItem(this.#sessionKey);
    return text === null ? null : JSON.parse(text);
  }

  /** Return an access token that is not the refused one, renewed by this tab or by another. */
  #renewAccess(/** @type {string | null} */ refused) {
    return this.#tabs.inTurn("session", async () => {
      for (let session = this.#newestSession(); session; session = this.#newestSession()) {
        if (isUsable(session) && session.access !== refused) return session.access;
        const { refresh } = session;
        try {
          return await this.#rotateTokens(session);
        } catch (error) {
          if (!(error instanceof CartApiError) || error.status !== 401) throw error;
        }
        // Another tab may have used the token, and its new one may not have come through yet.
        await sleep(STORAGE_LAG_MS, this.#closing);
        if (this.#newestSession()?.refresh === refresh) break;
      }
      this.#endSession();
      throw new CartApiError({ status: 401, type: "token_not_valid", message: "Signed out" });
    });
  }

  /** @param {Session} session */
  async #rotateTokens({ user, refresh }) {
    const tokens = await this.#post("/auth/refresh", { refresh });
    const session = this.#keepSession(user, tokens);
    this.#tabs.tell({ type: "session", session });
    return session.access;
  }

  /** @type {(path: string, body?: unknown) => Promise<any>} */
  async #post(path, body) {
    return readData(await this.#transport.send({ method: "POST", path, body }, async () => NOBODY));
  }
}

/** @param {Session} session */
function isUsable(session) {
  return Date.now() < session.usableUntil;
}

/** Return how long a token lives in all, which, unlike its expiry, needs no right clock here. */
function readLifetimeSeconds(/** @type {string} */ token) {
  const payload = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
  const { exp, iat } = JSON.parse(atob(payload));
  return exp - iat;
}
