/** Short messages at the edge of the page, read out by screen readers. */

import { byId, cloneTemplate, slot } from "./elements.js";

const SHOWN_MS = 8_000;

/**
 * Show a message for some seconds; longer while it is pointed at or has the focus.
 *
 * @type {(text: string, action?: { label: string, run: () => void }) => void}
 */
export function showNotice(text, action) {
  const notice = cloneTemplate("notice");
  slot(notice, "text").textContent = text;
  slot(notice, "close").addEventListener("click", () => notice.remove());
  if (action) {
    const button = slot(notice, "action");
    button.textContent = action.label;
    button.hidden = false;
    button.addEventListener("click", () => {
      notice.remove();
      action.run();
    });
  }
  byId("notices").append(notice);
  removeLater(notice);
}

/** Keep the messages where they can be reached: a modal dialog makes all else inert. */
export function moveNotices(/** @type {Element} */ parent) {
  parent.append(byId("notices"));
}

/** @param {HTMLElement} notice */
function removeLater(notice) {
  setTimeout(() => {
    if (notice.matches(":hover, :focus-within")) removeLater(notice);
    else notice.remove();
  }, SHOWN_MS);
}
