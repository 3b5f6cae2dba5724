/** Checking forms in the page's language, whatever the browser's is. */

/** @typedef {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} Field */

/**
 * Say beside each field what is wrong with it, and go to the first one.
 *
 * @param {HTMLFormElement} form
 * @returns {boolean} Whether all is well.
 */
export function checkForm(form) {
  /** @type {Record<string, string[]>} */
  const problems = {};
  for (const element of form.elements) {
    const field = /** @type {Field} */ (element);
    const problem = field.willValidate ? describeProblem(field) : "";
    if (problem) problems[field.name] = [problem];
  }
  return showProblems(form, problems);
}

/**
 * @param {HTMLFormElement} form
 * @param {Record<string, string[]>} problems By field name.
 * @returns {boolean} Whether there is none.
 */
export function showProblems(form, problems) {
  /** @type {Field | null} */
  let first = null;
  for (const element of form.elements) {
    const field = /** @type {Field} */ (element);
    const place = document.getElementById(`${field.name}-error`);
    if (!place) continue;
    const texts = problems[field.name] ?? [];
    place.textContent = texts.join(" ");
    place.hidden = texts.length === 0;
    field.setAttribute("aria-invalid", String(texts.length > 0));
    if (texts.length && first === null) first = field;
  }
  first?.focus();
  return first === null;
}

/** @param {Field} field */
function describeProblem({ validity, value, type, required }) {
  if (required && value.trim() === "") return gettext("Please fill this in.");
  if (validity.typeMismatch && type === "email") return gettext("This is not an e-mail address.");
  if (validity.tooShort) return gettext("This is too short.");
  return "";
}

/**
 * The API's own words about a field, in the page's language where they are known.
 *
 * @param {Record<string, string[]>} fields
 */
export function translateProblems(fields) {
  const known = new Map([
    [
      "This password is too short. It must contain at least 8 characters.",
      gettext("Take at least 8 characters."),
    ],
    ["This password is too common.", gettext("This password is too common.")],
    ["This password is entirely numeric.", gettext("Take more than digits.")],
    [
      "The password is too similar to the username.",
      gettext("This is too much like your username."),
    ],
    [
      "The password is too similar to the email.",
      gettext("This is too much like your e-mail address."),
    ],
    [
      "The password is too similar to the email address.",
      gettext("This is too much like your e-mail address."),
    ],
    ["An account with this username already exists.", gettext("This username is taken.")],
    ["An account with this email already exists.", gettext("This address has an account already.")],
    ["Enter a valid email address.", gettext("This is not an e-mail address.")],
    [
      "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.",
      gettext("Take letters, digits and @ . + - _ only."),
    ],
  ]);
  return Object.fromEntries(
    Object.entries(fields).map(([name, texts]) => [
      name,
      texts.map((text) => known.get(text) ?? text),
    ]),
  );
}
