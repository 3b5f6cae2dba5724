/** The links between the pages of a list. */

import { byId, cloneTemplate, drawList } from "./elements.js";
import { fill } from "./format.js";

/** @import { Page } from "../cart-client.js" */

// Pages shown on each side of the current one.
const NEIGHBOURS = 2;

/** @type {(list: Page<unknown>, address: (page: number) => string) => void} */
export function drawPages({ total, page, pageSize }, address) {
  const last = Math.max(1, Math.ceil(total / pageSize));
  const nav = byId("pages");
  nav.hidden = last === 1;
  drawList(nav, chooseNumbers(page, last), {
    key: (number) => `${number}${number === page ? "*" : ""}`,
    create: (number) => {
      const link = /** @type {HTMLAnchorElement} */ (cloneTemplate("page-link"));
      link.textContent = number < 0 ? "…" : String(number);
      if (number < 0) return link;
      link.dataset.page = String(number);
      link.setAttribute("aria-label", fill(gettext("Page %(number)s"), { number }));
      if (number === page) link.setAttribute("aria-current", "page");
      return link;
    },
    update: (link, number) => {
      if (number > 0) /** @type {HTMLAnchorElement} */ (link).href = address(number);
    },
  });
}

/** Return the numbers to show; a gap is a negative one. */
function chooseNumbers(/** @type {number} */ page, /** @type {number} */ last) {
  /** @type {number[]} */
  const numbers = [];
  for (let number = 1; number <= last; number += 1) {
    const isNear = Math.abs(number - page) <= NEIGHBOURS || number === 1 || number === last;
    if (isNear) numbers.push(number);
    else if (numbers.at(-1) !== -1 && number < page) numbers.push(-1);
    else if (numbers.at(-1) !== -2 && number > page) numbers.push(-2);
  }
  return numbers;
}
