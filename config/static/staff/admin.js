// Names for screen readers where Django's widgets have none.

/** Tie each autocomplete field to its label, which select2 leaves to the select it hides. */
function nameAutocompletes() {
  for (const select of document.querySelectorAll("select.admin-autocomplete")) {
    const label = document.querySelector(`label[for="${select.id}"]`);
    const box = select.nextElementSibling?.querySelector(".select2-selection");
    const value = box?.querySelector(".select2-selection__rendered");
    if (!label || !box || !value) continue;
    label.id ||= `${select.id}_label`;
    value.setAttribute("aria-labelledby", label.id);
    box.setAttribute("aria-labelledby", `${label.id} ${value.id}`);
  }
}

/** Name the fields of tables after their columns. */
function nameCells() {
  /** @type {NodeListOf<HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement>} */
  const fields = document.querySelectorAll("td[data-label] :is(input, select, textarea)");
  for (const field of fields) {
    const label = field.closest("td")?.dataset.label;
    if (!label || field.labels?.length || field.hasAttribute("aria-label")) continue;
    field.setAttribute("aria-label", label);
  }
}

/** Give the help of the two-list widget a role that may have a name. */
function nameTooltips() {
  for (const help of document.querySelectorAll(".help-tooltip[aria-label]")) {
    help.setAttribute("role", "img");
  }
}

window.addEventListener("load", () => {
  // The widgets are built by other listeners of the same event.
  setTimeout(() => {
    nameAutocompletes();
    nameCells();
    nameTooltips();
  });
});
