/** A page that could not be loaded: it is tried again when that is asked for, or makes sense. */

import { byId, showOnly, slot } from "./elements.js";
import { describeError } from "./refusals.js";

/**
 * Show why a page could not be loaded, and offer to try again unless what it shows is missing.
 *
 * @type {(error: unknown, states?: HTMLElement[], isMissing?: boolean) => void}
 */
export function showFailure(error, states = [], isMissing = false) {
  const failure = byId("failure");
  slot(failure, "text").textContent = describeError(error);
  slot(failure, "retry").hidden = isMissing;
  failure.hidden = false;
  showOnly(states, failure);
}

/** Load again by the failure's button, and when the network or the person is back. */
export function retryFailure(/** @type {() => unknown} */ load) {
  const failure = byId("failure");
  const retryIfShown = () => {
    if (!failure.hidden) load();
  };
  slot(failure, "retry").addEventListener("click", () => load());
  window.addEventListener("online", retryIfShown);
  window.addEventListener("focus", retryIfShown);
}
