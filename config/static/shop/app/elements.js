/** The page's elements. Texts are set as text, so that nothing from the API is read as HTML. */

const CLONE = "[data-clone]";

/** @param {string} id Of the template. */
export function cloneTemplate(id) {
  const template = /** @type {HTMLTemplateElement} */ (document.getElementById(id));
  const element = template.content.firstElementChild;
  const clone = /** @type {HTMLElement} */ (element?.cloneNode(true));
  clone.dataset.clone = id;
  return clone;
}

/**
 * Find a part by its data-slot; null if there is none. The parts of clones inside are not meant.
 *
 * @type {(parent: Element, name: string) => any}
 */
export function slot(parent, name) {
  const owner = parent.closest(CLONE);
  const parts = [...parent.querySelectorAll(`[data-slot="${name}"]`)];
  return parts.find((part) => part.closest(CLONE) === owner) ?? null;
}

/** @type {(id: string) => any} */
export function byId(id) {
  return document.getElementById(id);
}

/**
 * Show a slot while there is a text for it, or for the slot `inner` in it.
 *
 * @type {(parent: Element, name: string, text: string, inner?: string) => void}
 */
export function showText(parent, name, text, inner = name) {
  const element = slot(parent, inner);
  if (element.textContent !== text) element.textContent = text;
  slot(parent, name).hidden = text === "";
}

/** @type {(states: HTMLElement[], shown: HTMLElement) => void} */
export function showOnly(states, shown) {
  for (const state of states) state.hidden = state !== shown;
}

/** @type {(list: Element, texts: string[]) => void} */
export function drawTexts(list, texts) {
  const entries = texts.map((text) => {
    const entry = document.createElement("li");
    entry.textContent = text;
    return entry;
  });
  list.replaceChildren(...entries);
}

/**
 * Draw a list's entries in order. Elements that stay keep the focus and what is being typed.
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

/** Show a picture of this host; the page's policy forbids others. */
export function showImage(/** @type {HTMLImageElement} */ image, address = "") {
  const url = address ? new URL(address, location.href) : null;
  const isOurs = url?.origin === location.origin;
  image.hidden = !isOurs;
  if (isOurs && image.src !== url.href) image.src = url.href;
}
