/** A page that could not be loaded: it is tried again when that is asked for, or makes sense. */

import { byId, slot } from "./elements.js";

/**
 * Load again by the failure's button; and by itself, while the failure is shown, when the network is
 * back or somebody comes back to the page.
 *
 * @param {() => unknown} load
 */
export function retryFailure(load) {
  const failure = byId("failure");
  const retryIfShown = () => {
    if (!failure.hidden) load();
  };
  slot(failure, "retry").addEventListener("click", () => load());
  window.addEventListener("online", retryIfShown);
  window.addEventListener("focus", retryIfShown);
}
