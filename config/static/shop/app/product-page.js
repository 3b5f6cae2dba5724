/** One product: its variants, and adding one of them. */

import { CartApiError } from "../cart-client.js";
import { connectStepper, readQuantity } from "./cart-lines.js";
import { client } from "./client.js";
import { byId, cloneTemplate, showImage, showOnly, showText, slot } from "./elements.js";
import { retryFailure, showFailure } from "./failure.js";
import { formatMoney, formatVariant, pageAddress } from "./format.js";
import { showPrices } from "./prices.js";
import { describeError, describeLimit, describeLowStock, describeShortage } from "./refusals.js";
import { openDrawer } from "./shell.js";

/** @import { ProductDetail, Sku } from "../cart-client.js" */

const article = byId("product");
const form = byId("add-form");
const states = [byId("loading"), byId("failure"), article];
/** @type {Sku | undefined} */
let chosen;

async function load() {
  showOnly(states, byId("loading"));
  try {
    drawProduct(await client.getProduct(article.dataset.productId));
    showOnly(states, article);
  } catch (error) {
    if (!(error instanceof CartApiError)) throw error;
    showFailure(error, states, error.type === "not_found");
  }
}

/** @param {ProductDetail} product */
function drawProduct({ name, description, images, merchant, skus }) {
  document.title = `${name} · Cartwright`;
  showImage(slot(article, "image"), images[0]);
  slot(article, "name").textContent = name;
  slot(article, "description").textContent = description;
  slot(article, "merchant").textContent = merchant.name;
  slot(article, "merchant").href = pageAddress("", { merchantId: merchant.id });
  const wanted = new URLSearchParams(location.search).get("sku");
  chosen = skus.find(({ id }) => id === wanted) ?? skus.find(({ stock }) => stock !== 0) ?? skus[0];
  drawChoice(skus);
  drawSku();
}

/** @param {Sku[]} skus */
function drawChoice(skus) {
  slot(article, "sku-choice").hidden = skus.length < 2;
  const names = new Set(skus.flatMap(({ attributes }) => Object.keys(attributes)));
  slot(article, "sku-legend").textContent = [...names].join(" / ");
  slot(article, "skus").replaceChildren(...skus.map(createChip));
}

/** @param {Sku} sku */
function createChip(sku) {
  const chip = cloneTemplate("sku-chip");
  const radio = slot(chip, "value");
  radio.value = sku.id;
  radio.checked = sku === chosen;
  slot(chip, "name").textContent = formatVariant(sku.attributes) || sku.code;
  slot(chip, "note").textContent = sku.stock === 0 ? describeShortage(0) : formatMoney(sku.price);
  chip.classList.toggle("chip-sold-out", sku.stock === 0);
  radio.addEventListener("change", () => {
    chosen = sku;
    const address = pageAddress(`products/${article.dataset.productId}`, { sku: sku.id });
    history.replaceState(null, "", address);
    drawSku();
  });
  return chip;
}

function drawSku() {
  if (!chosen) return;
  const { price, originalPrice, stock, purchaseLimit, code } = chosen;
  showPrices(article, { price, originalPrice });
  const figures = [describeLowStock(stock) || gettext("In stock")];
  if (purchaseLimit !== null) figures.push(describeLimit(purchaseLimit, null));
  slot(article, "stock").textContent = figures.join(" · ");
  slot(article, "code").textContent = code;
  slot(article, "add").disabled = stock === 0;
  showText(article, "refusal", "");
}

/** @param {SubmitEvent} event */
async function addToCart(event) {
  event.preventDefault();
  if (!chosen) return;
  const button = slot(article, "add");
  if (button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  showText(article, "refusal", "");
  try {
    const quantity = readQuantity(slot(article, "quantity"));
    const { productId } = article.dataset;
    await client.addItem({ productId, skuId: chosen.id, quantity });
    openDrawer();
  } catch (error) {
    showText(article, "refusal", describeError(error));
  }
  button.removeAttribute("aria-busy");
}

connectStepper(form, (quantity) => {
  slot(form, "quantity").dataset.shown = String(quantity);
  showText(article, "refusal", "");
});
form.addEventListener("submit", addToCart);
retryFailure(load);
void load();
