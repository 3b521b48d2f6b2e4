// Progressive enhancements of all pages.

// <button data-copy="ID"> copies the text of the element with that id.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  const label = button.querySelector("span");
  try {
    await navigator.clipboard.writeText(source.textContent);
    label.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(source); // the clipboard requires HTTPS: select the text instead
    label.textContent = "Press Ctrl+C";
  }
  button.setAttribute("aria-live", "polite");
  setTimeout(() => (label.textContent = "Copy"), 2500);
});

// <input type="checkbox" data-select-all="NAME" hidden> selects all checkboxes with that name in its form.
for (const all of document.querySelectorAll("[data-select-all]")) {
  const boxes = [...all.form.querySelectorAll(`[type=checkbox][name="${all.dataset.selectAll}"]`)];
  const update = () => {
    all.checked = boxes.every((box) => box.checked);
    all.indeterminate = !all.checked && boxes.some((box) => box.checked);
  };
  all.hidden = false;
  all.addEventListener("change", () => boxes.forEach((box) => (box.checked = all.checked)));
  all.form.addEventListener("change", update);
  addEventListener("pageshow", update); // a browser that goes back restores the checkboxes
}

// A form is submitted once, even if its button is pressed again before the response.
const sent = new Set();
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  if ("download" in form.dataset) return; // a download leaves the page, so the form can be submitted again
  if (sent.has(form)) {
    event.preventDefault();
  } else {
    sent.add(form);
    event.submitter?.setAttribute("aria-busy", "true");
  }
});
addEventListener("pageshow", () => {
  sent.clear();
  for (const busy of document.querySelectorAll("button[aria-busy]")) busy.removeAttribute("aria-busy");
});

// Shows errors of htmx requests; after a sign-out the reload leads to the sign-in page.
const trouble = document.getElementById("trouble");
document.addEventListener("htmx:beforeRequest", () => trouble.replaceChildren());
for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(name, (event) => {
    if (event.detail.xhr?.status === 401) return location.reload();
    const text = document.createElement("div");
    text.className = "alert danger";
    text.textContent = "That did not work. Please try again, or reload the page.";
    trouble.replaceChildren(text);
  });
}
