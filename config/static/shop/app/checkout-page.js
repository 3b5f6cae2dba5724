/** Checkout: where it goes, and exactly what is bought at which total. */

import { CartApiError, newKey } from "../cart-client.js";
import { cartState } from "./cart-state.js";
import { client } from "./client.js";
import { byId, cloneTemplate, drawList, drawTexts, showImage, showOnly, slot } from "./elements.js";
import { checkForm, showProblems } from "./forms.js";
import { fill, formatMoney, formatVariant, pageAddress } from "./format.js";
import { describeError, describeReason } from "./refusals.js";
import "./shell.js";

/** @import { Cart, CartItem, Validation } from "../cart-client.js" */

const form = byId("checkout");
const problem = byId("order-problem");
const states = [byId("loading"), byId("nothing"), form];
/** @type {{ text: string, key: string } | null} Trying the same again is the same order. */
let lastTry = null;
let isPlacing = false;

/** @param {Cart} cart */
function listSelected(cart) {
  return cart.items.filter(({ selected }) => selected);
}

function draw() {
  // While the order is placed, its lines leave the cart.
  if (isPlacing) return;
  const { cart } = cartState;
  if (!cart) {
    showOnly(states, byId(client.hasIdentity && !cartState.failure ? "loading" : "nothing"));
    return;
  }
  const items = listSelected(cart);
  showOnly(states, items.length ? form : byId("nothing"));
  drawList(byId("order-lines"), items, {
    key: ({ id }) => id,
    create: () => cloneTemplate("order-line"),
    update: (line, item) => drawLine(line, item, cart.currency),
  });
  byId("order-total").textContent = formatMoney(cart.totalAmount, cart.currency);
}

/** @type {(line: HTMLElement, item: CartItem, currency: string) => void} */
function drawLine(line, { product, sku, price, quantity, totalPrice }, currency) {
  showImage(slot(line, "image"), product.images[0]);
  slot(line, "name").textContent = product.name;
  const figures = [formatVariant(sku.attributes), `${formatMoney(price, currency)} × ${quantity}`];
  slot(line, "figures").textContent = figures.filter(Boolean).join(" · ");
  slot(line, "total").textContent = formatMoney(totalPrice, currency);
}

/** @param {Cart} cart */
function describeOrder(cart) {
  const read = (/** @type {string} */ name) => form.elements[name].value.trim();
  const list = (/** @type {string[]} */ ...names) =>
    Object.fromEntries(names.map((name) => [name, read(name)]).filter(([, value]) => value));
  return {
    itemIds: listSelected(cart).map(({ id }) => id),
    shippingAddress: list("name", "street", "city", "postalCode"),
    contact: list("email", "phone"),
    note: read("note"),
    expectedTotal: cart.totalAmount,
  };
}

function checkContact() {
  const { email, phone } = form.elements;
  if (client.user || email.value.trim() || phone.value.trim()) return true;
  return showProblems(form, { email: [gettext("Give an e-mail address or a phone number.")] });
}

/** @param {SubmitEvent} event */
async function submit(event) {
  event.preventDefault();
  const { cart } = cartState;
  if (isPlacing || !cart || !checkForm(form) || !checkContact()) return;
  const order = describeOrder(cart);
  const text = JSON.stringify(order);
  if (lastTry?.text !== text) lastTry = { text, key: newKey() };
  setPlacing(true);
  problem.hidden = true;
  try {
    const placed = await client.createOrder(order, { idempotencyKey: lastTry.key });
    location.assign(pageAddress(`orders/${placed.id}`, { placed: 1 }));
  } catch (error) {
    setPlacing(false);
    await refuse(error);
  }
}

/** @param {boolean} placing */
function setPlacing(placing) {
  isPlacing = placing;
  byId("place-order").toggleAttribute("aria-busy", placing);
}

/** @param {unknown} error */
async function refuse(error) {
  const sentence = describeError(error);
  const { type, data, details, status } = /** @type {CartApiError} */ (error);
  if (type === "invalid_field" && details.field?.startsWith("contact.")) {
    const texts = {
      email: gettext("This is not an e-mail address."),
      phone: gettext("This is not a phone number."),
    };
    const name = /** @type {keyof typeof texts} */ (details.field.slice("contact.".length));
    showProblems(form, { [name]: [texts[name]] });
    return;
  }
  // Only a refusal is sure to have ordered nothing; else its key is used again.
  if (status >= 400 && status < 500 && type !== "request_in_progress") lastTry = null;
  await cartState.refresh();
  slot(problem, "text").textContent =
    type === "price_changed"
      ? gettext("Prices have changed meanwhile. Check the new total, then place the order again.")
      : sentence;
  drawTexts(slot(problem, "issues"), describeIssues(data));
  problem.hidden = false;
  problem.focus();
}

/** @param {Validation | null} validation */
function describeIssues(validation) {
  return (validation?.issues ?? []).map(({ productName, codes }) => {
    const reasons = codes.map(describeReason).join(", ");
    return fill(gettext("%(name)s: %(reasons)s"), { name: productName, reasons });
  });
}

form.addEventListener("submit", submit);
cartState.addEventListener("change", draw);
draw();
