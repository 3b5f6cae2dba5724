/** Checking forms in the page's language, whatever the browser's is. */

/** @typedef {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} Field */

/** Tell whether all fields are well filled in, and show the problems of those that are not. */
export function checkForm(/** @type {HTMLFormElement} */ form) {
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
 * Show problems beside their fields, and go to the first one. Return whether there is none.
 *
 * @type {(form: HTMLFormElement, problems: Record<string, string[]>) => boolean}
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

/** @returns {Record<string, string>} The page's words for the API's. */
function nameProblems() {
  const tooShort = "This password is too short. It must contain at least 8 characters.";
  const wrongName =
    "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.";
  const likeUsername = gettext("This is too much like your username.");
  const likeEmail = gettext("This is too much like your e-mail address.");
  return {
    [tooShort]: gettext("Take at least 8 characters."),
    [wrongName]: gettext("Take letters, digits and @ . + - _ only."),
    "This password is too common.": gettext("This password is too common."),
    "This password is entirely numeric.": gettext("Take more than digits."),
    "The password is too similar to the username.": likeUsername,
    "The password is too similar to the email.": likeEmail,
    "The password is too similar to the email address.": likeEmail,
    "An account with this username already exists.": gettext("This username is taken."),
    "An account with this email already exists.": gettext("This address has an account already."),
    "Enter a valid email address.": gettext("This is not an e-mail address."),
  };
}

/** Put the API's words about fields into the page's language, where they are known. */
export function translateProblems(/** @type {Record<string, string[]>} */ fields) {
  const known = nameProblems();
  const translate = (/** @type {string[]} */ texts) => texts.map((text) => known[text] ?? text);
  const entries = Object.entries(fields).map(([name, texts]) => [name, translate(texts)]);
  return Object.fromEntries(entries);
}
