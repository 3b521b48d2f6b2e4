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
  "singular pull list": "Singular pull",
};

function name() {
  for (const place of document.querySelectorAll("h1, .sidebar_wrapper li a > span")) {
    for (const [theirs, ours] of Object.entries(NAMES)) {
      if (place.textContent.endsWith(theirs)) place.firstChild.data = place.firstChild.data.replace(theirs, ours);
    }
  }
}

// Piccolo Admin's page offers everything to everybody. What this person may not do, the server refuses; here it is not
// offered either: by what /admin/api/rights/ says, {table: {create, delete, edit: [column, …]}}.

const NOTHING = { create: false, delete: false, edit: [] };
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
  const [table] = location.hash.slice(2).split(/[/?]/);
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
    for (const field of button.form.querySelectorAll(":scope > div > div")) {
      const names = [...field.querySelectorAll("[name]")].map((input) => input.name).filter(Boolean);
      if (names.length) allow(field, may.edit.includes(names.at(-1)));
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

new MutationObserver(tidy).observe(document.body, { childList: true, subtree: true });
tidy();
