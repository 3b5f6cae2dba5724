/** The product grid: what it shows stands in the page's address. */

import { CartApiError } from "../cart-client.js";
import { cartState } from "./cart-state.js";
import { client } from "./client.js";
import { byId, cloneTemplate, drawList, showImage, showText, slot } from "./elements.js";
import { retryFailure, showFailure } from "./failure.js";
import { fill, pageAddress, readAddress } from "./format.js";
import { drawPages } from "./pages.js";
import { showPrices } from "./prices.js";
import { describeLowStock } from "./refusals.js";
import { openDrawer, opensElsewhere } from "./shell.js";

/** @import { Page, Product } from "../cart-client.js" */

const PAGE_SIZE = 20;
const SEARCH_DEBOUNCE_MS = 300;

const filters = byId("filters");
const search = byId("search");
const grid = byId("products");
let lastLoad = new AbortController();
/** @type {number | undefined} */
let searchTimer;

function readWishes() {
  return readAddress("search", "merchantId", "inStock", "ordering", "page");
}

function readControls() {
  const chosen = new FormData(filters);
  return {
    search: search.elements.search.value.trim(),
    merchantId: String(chosen.get("merchantId") ?? ""),
    inStock: String(chosen.get("inStock") ?? ""),
    ordering: String(chosen.get("ordering") ?? ""),
  };
}

function fillControls() {
  const wanted = readWishes();
  search.elements.search.value = wanted.search;
  filters.elements.inStock.checked = wanted.inStock === "true";
  filters.elements.ordering.value = wanted.ordering;
  for (const radio of filters.querySelectorAll('[name="merchantId"]')) {
    radio.checked = radio.value === wanted.merchantId;
  }
}

/** @param {string} address */
function goTo(address) {
  if (address === location.pathname + location.search) return;
  history.pushState(null, "", address);
  void load();
}

function followControls() {
  goTo(pageAddress("", readControls()));
}

async function load() {
  lastLoad.abort();
  lastLoad = new AbortController();
  const { signal } = lastLoad;
  grid.setAttribute("aria-busy", "true");
  try {
    const { page, inStock, ordering, ...rest } = readWishes();
    const query = {
      ...rest,
      inStock: inStock === "true" || undefined,
      ordering: /** @type {any} */ (ordering),
      page: Number(page) || undefined,
      pageSize: PAGE_SIZE,
    };
    const found = await client.listProducts(query, { signal });
    byId("failure").hidden = true;
    drawProducts(found);
  } catch (error) {
    if (signal.aborted) return;
    clearProducts();
    showFailure(error);
  }
  grid.setAttribute("aria-busy", "false");
}

function clearProducts() {
  grid.replaceChildren();
  byId("no-results").hidden = true;
  byId("pages").hidden = true;
  byId("result-count").textContent = "";
}

/** @param {Page<Product>} found */
function drawProducts(found) {
  const { items, total } = found;
  const text = ngettext("%(count)s product", "%(count)s products", total);
  byId("result-count").textContent = fill(text, { count: total });
  byId("no-results").hidden = total > 0;
  drawList(grid, items, { key: ({ id }) => id, create: createCard, update: updateCard });
  drawPages(found, (page) => pageAddress("", { ...readWishes(), page: page === 1 ? "" : page }));
}

/** @param {Product} product */
function createCard({ id, name, skuCount }) {
  const card = cloneTemplate("product-card");
  const address = pageAddress(`products/${id}`);
  slot(card, "link").href = address;
  slot(card, "name").textContent = name;
  const add = slot(card, "add");
  add.hidden = skuCount > 1;
  add.setAttribute("aria-label", fill(gettext("Add %(name)s to the cart"), { name }));
  add.addEventListener("click", () => void addProduct(id, add));
  const choose = slot(card, "choose");
  choose.hidden = skuCount === 1;
  choose.href = address;
  choose.setAttribute("aria-label", fill(gettext("Choose a variant of %(name)s"), { name }));
  return card;
}

/** @type {(card: HTMLElement, product: Product) => void} */
function updateCard(card, { price, originalPrice, stock, images, merchant }) {
  showImage(slot(card, "image"), images[0]);
  showText(card, "merchant", merchant.name);
  showPrices(card, { price, originalPrice });
  showText(card, "flag", describeLowStock(stock));
  card.classList.toggle("card-sold-out", stock === 0);
  slot(card, "add").disabled = stock === 0;
}

/** @type {(productId: string, button: HTMLButtonElement) => Promise<void>} */
async function addProduct(productId, button) {
  button.setAttribute("aria-busy", "true");
  const isAdded = await cartState.attempt(() => client.addItem({ productId, quantity: 1 }));
  button.removeAttribute("aria-busy");
  if (isAdded) openDrawer();
}

async function loadMerchants() {
  const { items } = await client.listMerchants({ pageSize: 100 });
  for (const { id, name } of items) {
    const chip = cloneTemplate("merchant-chip");
    slot(chip, "value").value = id;
    slot(chip, "name").textContent = name;
    byId("merchants").append(chip);
  }
  fillControls();
}

/** @param {MouseEvent} event */
function followPage(event) {
  const link = /** @type {HTMLElement} */ (event.target).closest("a[data-page]");
  if (!link || opensElsewhere(event)) return;
  event.preventDefault();
  goTo(/** @type {HTMLAnchorElement} */ (link).getAttribute("href") ?? "");
  byId("catalog-title").focus();
}

fillControls();
filters.addEventListener("change", followControls);
search.addEventListener("submit", (/** @type {Event} */ event) => {
  event.preventDefault();
  clearTimeout(searchTimer);
  followControls();
});
search.addEventListener("input", () => {
  clearTimeout(searchTimer);
  searchTimer = setTimeout(followControls, SEARCH_DEBOUNCE_MS);
});
byId("pages").addEventListener("click", followPage);
retryFailure(load);
window.addEventListener("popstate", () => {
  fillControls();
  void load();
});
void load();
loadMerchants().catch((error) => {
  // Without them the shop can be used all the same.
  if (!(error instanceof CartApiError)) throw error;
});
