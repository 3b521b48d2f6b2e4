// What every page does with JavaScript and can do without.

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
    getSelection().selectAllChildren(source); // without HTTPS there is no clipboard: one keystroke is left to do
    label.textContent = "Press Ctrl+C";
  }
  button.setAttribute("aria-live", "polite");
  setTimeout(() => (label.textContent = "Copy"), 2500);
});

// A form is sent once, however often its button is pressed while the answer is awaited.
const sent = new Set();
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  if ("download" in form.dataset) return; // the page stays, and may be asked again
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

// What htmx could not fetch is said; whoever is signed out by now is led to the sign-in page.
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
