/**
 * Elements made from the page's <template>s. Parts are found by their data-slot; texts are set as
 * text, so nothing from the API is ever read as HTML.
 */

const CLONE = "[data-clone]";

/**
 * @param {string} id Of the template.
 * @returns {HTMLElement}
 */
export function cloneTemplate(id) {
  const template = /** @type {HTMLTemplateElement} */ (document.getElementById(id));
  const element = template.content.firstElementChild;
  const clone = /** @type {HTMLElement} */ (element?.cloneNode(true));
  clone.dataset.clone = id;
  return clone;
}

/**
 * Find a part of an element. The parts of clones inside it are theirs alone, whatever their names.
 *
 * @param {Element} parent
 * @param {string} name
 * @returns {any} null where it has no such part.
 */
export function slot(parent, name) {
  const owner = parent.closest(CLONE);
  const parts = [...parent.querySelectorAll(`[data-slot="${name}"]`)];
  return parts.find((part) => part.closest(CLONE) === owner) ?? null;
}

/**
 * @param {string} id
 * @returns {any}
 */
export function byId(id) {
  return document.getElementById(id);
}

/**
 * Show a text in a slot, and the slot only while there is one.
 *
 * @param {Element} parent
 * @param {string} name
 * @param {string} text
 * @param {string} [inner] The slot that takes the text, if it is not the one to show.
 */
export function showText(parent, name, text, inner = name) {
  const element = slot(parent, inner);
  if (element.textContent !== text) element.textContent = text;
  slot(parent, name).hidden = text === "";
}

/**
 * Show exactly one of several states.
 *
 * @param {HTMLElement[]} states
 * @param {HTMLElement} shown
 */
export function showOnly(states, shown) {
  for (const state of states) state.hidden = state !== shown;
}

/**
 * Make a list's children be those of the entries, in order. Elements that stay are not touched
 * otherwise, so that focus and what is being typed survive.
 *
 * @template T
 * @param {Element} list
 * @param {readonly T[]} entries
 * @param {object} how
 * @param {(entry: T) => string} how.key
 * @param {(entry: T) => HTMLElement} how.create
 * @param {(element: HTMLElement, entry: T) => void} [how.update] Also called after `create`.
 */
export function drawList(list, entries, { key, create, update = () => undefined }) {
  const wanted = new Set(entries.map(key));
  /** @type {Map<string, HTMLElement>} */
  const kept = new Map();
  for (const child of [...list.children]) {
    const element = /** @type {HTMLElement} */ (child);
    const name = element.dataset.key ?? "";
    if (wanted.has(name)) kept.set(name, element);
    else element.remove();
  }
  let place = list.firstElementChild;
  for (const entry of entries) {
    const name = key(entry);
    const element = kept.get(name) ?? create(entry);
    element.dataset.key = name;
    if (element === place) place = element.nextElementSibling;
    else list.insertBefore(element, place);
    update(element, entry);
  }
}

/**
 * Show a picture of this host; the page's policy forbids others.
 *
 * @param {HTMLImageElement} image
 * @param {string | undefined} address
 */
export function showImage(image, address) {
  const url = address ? new URL(address, location.href) : null;
  const isOurs = url?.origin === location.origin;
  image.hidden = !isOurs;
  if (isOurs && image.src !== url.href) image.src = url.href;
}
