// Light or dark as the system is and every other page with it, unless somebody has chosen otherwise in Piccolo's menu.
const dark = String(matchMedia("(prefers-color-scheme: dark)").matches);
if ((localStorage.getItem("darkMode") ?? "false") === (localStorage.getItem("system") ?? "false")) {
  localStorage.setItem("darkMode", dark);
}
localStorage.setItem("system", dark);

// Piccolo names a table as the database does. Here it has the name used on the staff pages.
const NAMES = {
  "api token": "API key",
  "conversion list": "conversion",
  "intake reject list": "intake reject",
  "request list": "request",
};

function name() {
  for (const place of document.querySelectorAll("h1, .sidebar_wrapper li a > span")) {
    for (const [theirs, ours] of Object.entries(NAMES)) {
      if (place.textContent.endsWith(theirs)) place.firstChild.data = place.firstChild.data.replace(theirs, ours);
    }
  }
}

// Piccolo Admin's page offers everything to everybody. What this person may not do, the server refuses; here it is not
// offered either: by what /admin/api/rights/ says, {table: {create, delete, edit: [column, …], new: [column, …]}}.

const NOTHING = { create: false, delete: false, edit: [], new: [] };
let rights = null;
let asking = false;

async function learn() {
  asking = true;
  try {
    const response = await fetch("./api/rights/");
    rights = response.ok ? await response.json() : null;
  } finally {
    asking = false;
  }
  if (rights) tidy();
}

function tidy() {
  name();
  label();
  const [table, row] = location.hash.slice(2).split(/[/?]/);
  link(table, row);
  if (table === "login") {
    rights = null; // somebody else may be the next
  } else if (!rights) {
    if (!asking) learn();
  } else if (table) {
    offer(rights[table] ?? NOTHING);
  }
}

function offer(may) {
  const not = [!may.create && "create", !may.delete && "delete", !may.edit.length && "edit"].filter(Boolean).join(" ");
  if (document.body.dataset.mayNot !== not) document.body.dataset.mayNot = not;
  for (const button of document.querySelectorAll("[data-uitest=save_button], [data-uitest=create_button]")) {
    const columns = button.dataset.uitest === "create_button" ? may.new : may.edit;
    for (const field of button.form.querySelectorAll(":scope > div > div")) {
      const names = [...field.querySelectorAll("[name]")].map((input) => input.name).filter(Boolean);
      if (names.length) allow(field, columns.includes(names.at(-1)));
    }
  }
  for (const option of document.querySelectorAll("select[name=property] option[value]")) {
    option.hidden = !may.edit.includes(option.value);
  }
}

function allow(field, allowed) {
  field.classList.toggle("unchangeable", !allowed);
  for (const input of field.querySelectorAll("input, select, textarea")) {
    input.disabled = !allowed; // so it is not sent either
  }
}

// The page of the staff where the same is done with a preview and an explanation.
const PAGES = {
  advertiser: "/staff/advertisers",
  offer: "/staff/offers",
  partner: "/staff/partners",
  api_token: "/staff/keys",
  advertiser_login: "/staff/people",
  staff: "/staff/people",
  setting: "/staff/settings",
  conversion_list: "/staff/corrections",
  intake: "/staff/intake",
  intake_reject_list: "/staff/intake/rejected",
  request_list: "/staff/requests",
  audit_log: "/staff/audit",
};
const WITH_ROWS = ["advertiser", "offer", "partner"]; // whose rows have pages too

function link(table, row) {
  const heading = document.querySelectorAll("#app h1")[1]; // the first is the site's name
  const page = PAGES[table] && PAGES[table] + (WITH_ROWS.includes(table) && row?.length === 36 ? `/${row}` : "");
  const there = document.querySelector(".staff-page");
  if (there && (there.previousElementSibling !== heading || there.pathname !== page)) there.remove();
  if (!heading || !page || there?.isConnected) return;
  const anchor = document.createElement("a");
  anchor.className = "staff-page";
  anchor.href = page;
  anchor.textContent = "Open this in Admin";
  heading.after(anchor);
}

const ICONS = {
  "angle-left": "Previous page",
  "angle-right": "Next page",
  "ellipsis-vertical": "More",
  "ellipsis-v": "More",
  language: "Language",
  plus: "Add a row",
  edit: "Edit the row",
};

// Piccolo's fields stand beside their labels without being connected to them, and some of its links are only icons.
function label() {
  for (const each of document.querySelectorAll("#app a:not([aria-label])")) {
    const icon = each.textContent.trim() ? null : each.querySelector("svg[data-icon]")?.dataset.icon;
    if (icon) each.ariaLabel = ICONS[icon] ?? (each.title || icon);
  }
  for (const field of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
    if (!field.ariaLabel && !field.labels?.length && !field.hasAttribute("aria-labelledby")) field.ariaLabel = labelOf(field);
  }
}

function labelOf(field) {
  if (field.type === "checkbox" && field.closest("th")) return "Select all rows";
  if (field.type === "checkbox" && field.closest("td")) return "Select this row";
  let place = field.parentElement;
  while (place && !place.querySelector("label") && place.tagName !== "FORM") place = place.parentElement;
  const before = [...(place?.querySelectorAll("label") ?? [])].filter(
    (each) => each.compareDocumentPosition(field) & Node.DOCUMENT_POSITION_FOLLOWING,
  );
  const text = before.at(-1)?.firstChild?.textContent.trim();
  const kind = /__(operator|match)$/.exec(field.name)?.[1];
  return [text || field.placeholder || field.title || field.name || "Value", kind].filter(Boolean).join(", ");
}

// Piccolo sends with XMLHttpRequest. What it leaves undone when a response has come is done here.
const open = XMLHttpRequest.prototype.open;
XMLHttpRequest.prototype.open = function (method, url, ...rest) {
  this.addEventListener("load", () => ended(method.toUpperCase(), String(url), this.status, this.responseText));
  return open.call(this, method, url, ...rest);
};

let clickedInRow = false; // of the list: only there, Piccolo says nothing of a deletion that failed
addEventListener("click", (event) => (clickedInRow = Boolean(event.target.closest?.("td"))), true);

function ended(method, url, status, text) {
  const [, table, row] = /\/api\/tables\/([a-z_]+)\/(?:([0-9A-Fa-f-]+)\/)?$/.exec(url) ?? [];
  if (!table) return;
  if (method === "POST" && status === 201) setTimeout(created, 0, table, JSON.parse(text)[0]);
  const [, shown] = location.hash.slice(2).split(/[/?]/);
  if (method === "DELETE" && row && status >= 400 && !shown && clickedInRow) {
    setTimeout(alert, 0, `The row was not deleted. ${sentence(text)}`);
  }
}

function sentence(text) {
  const body = JSON.parse(text);
  return body.custom_form_error ?? body.detail ?? body;
}

// The form of a new row gives way to the row, so that a second click creates no second one.
function created(table, { id, token }) {
  if (token) show(token);
  if (location.hash.includes("/add")) location.hash = `#/${table}/${id}/`;
}

function show(token) {
  const dialog = document.createElement("dialog");
  dialog.className = "new-key";
  dialog.setAttribute("aria-labelledby", "new-key-title");
  dialog.innerHTML = `<h2 id="new-key-title">Copy the API key now</h2><p>It is shown only once.</p><code></code>
    <form method="dialog"><button type="button">Copy</button><button>Done</button></form>`;
  dialog.querySelector("code").textContent = token;
  const [copy] = dialog.querySelectorAll("button");
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(token);
    copy.textContent = "Copied";
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

new MutationObserver(tidy).observe(document.body, { childList: true, subtree: true });
tidy();
