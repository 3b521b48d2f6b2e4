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
