// Boxes that search as one types take the place of a <select>, but not of its label. The admin puts
// them in when jQuery is ready; what is registered later runs after that.
window.django?.jQuery?.(() => {
  for (const select of document.querySelectorAll("select.admin-autocomplete")) {
    const label = document.querySelector(`label[for="${select.id}"]`);
    const shown = document.getElementById(`select2-${select.id}-container`);
    if (label && shown) shown.setAttribute("aria-label", label.textContent.trim());
  }
});
