/** Logging in and registering. What is in the guest's cart comes along. */

import { CartApiError } from "../cart-client.js";
import { cartState } from "./cart-state.js";
import { client } from "./client.js";
import { byId, showText, slot } from "./elements.js";
import { fill, pageAddress } from "./format.js";
import { checkForm, showProblems, translateProblems } from "./forms.js";
import { keepMergeReport } from "./merge-report.js";
import { describeError } from "./refusals.js";
import "./shell.js";

const form = byId("account");
const nextPage = chooseNextPage();
let isGoing = false;

/** Return where to go afterwards: a page of this shop, whatever the address asks for. */
function chooseNextPage() {
  const wanted = new URLSearchParams(location.search).get("next");
  if (wanted === null) return pageAddress("cart");
  const url = new URL(wanted, location.href);
  return url.origin === location.origin ? url.pathname + url.search : pageAddress("cart");
}

function signIn() {
  const { username, email, password } = form.elements;
  if (form.dataset.action === "register") {
    const account = { username: username.value, email: email.value, password: password.value };
    return client.register(account);
  }
  const name = username.value.trim();
  const identity = name.includes("@") ? { email: name } : { username: name };
  return client.login({ ...identity, password: password.value });
}

/** @param {SubmitEvent} event */
async function submit(event) {
  event.preventDefault();
  showText(form, "refusal", "");
  if (isGoing || !checkForm(form)) return;
  isGoing = true;
  slot(form, "submit").setAttribute("aria-busy", "true");
  const guestCart = cartState.cart;
  try {
    const { cart, merge } = await signIn();
    keepMergeReport(merge, [guestCart, cart]);
    location.assign(nextPage);
  } catch (error) {
    isGoing = false;
    slot(form, "submit").removeAttribute("aria-busy");
    refuse(error);
  }
}

/** @param {unknown} error */
function refuse(error) {
  const sentence = describeError(error);
  const fields = /** @type {CartApiError} */ (error).details.fields;
  if (fields && !showProblems(form, translateProblems(fields))) return;
  showText(form, "refusal", sentence);
  slot(form, "refusal").focus();
}

function drawGuestNote() {
  const { cart } = cartState;
  const count = client.user || !cart ? 0 : cart.items.length + cart.unavailableItems.length;
  const text = ngettext(
    "The %(count)s item in your cart will come along.",
    "The %(count)s items in your cart will come along.",
    count,
  );
  showText(form, "guest-note", count ? fill(text, { count }) : "");
}

slot(form, "other").search = location.search;
form.addEventListener("submit", submit);
cartState.addEventListener("change", drawGuestNote);
drawGuestNote();
