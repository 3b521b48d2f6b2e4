// Runs a script of Google Apps Script in Node.js, with stand-ins for Google's objects.
// Standard input: {"script": path, "origin": "http://127.0.0.1:PORT", "properties": {}, "sheets": {}, "answers": [],
// "calls": [[function, argument], …]}. Standard output: the results of the calls, the properties, the sheets and menus.
const { execFileSync } = require("node:child_process");
const { readFileSync } = require("node:fs");
const vm = require("node:vm");

const input = JSON.parse(readFileSync(0, "utf8"));

// Apps Script waits for a response; so does this: another process sends the request.
const SEND = `
  const { url, origin, headers } = JSON.parse(process.argv[1]);
  const asked = new URL(url), at = new URL(origin);
  require("node:http").get(
    { host: at.hostname, port: at.port, path: asked.pathname + asked.search, headers: { ...headers, Host: asked.host } },
    (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => console.log(JSON.stringify([response.statusCode, Buffer.concat(chunks).toString()])));
    },
  );
`;

const properties = { ...input.properties };
const menus = [];
const sheets = {};

function sheet(name) {
  const own = {
    values: [],
    clearContents: () => { own.values = []; },
    getDataRange: () => ({ getValues: () => own.values }),
    getRange: (row, column, rows, columns) => ({
      setValues: (values) => {
        if (row !== 1 || column !== 1 || values.length !== rows || values.some((each) => each.length !== columns)) {
          throw new Error("The number of rows or columns in the data does not match the range.");
        }
        own.values = values;
      },
    }),
  };
  sheets[name] = own;
  return own;
}

for (const [name, values] of Object.entries(input.sheets || {})) sheet(name).values = values;

const menu = (title) => {
  const own = { addItem: (text, call) => { menus.push([title, text, call]); return own; }, addToUi: () => {} };
  return own;
};
const ui = {
  Button: { OK: "OK", CANCEL: "CANCEL" },
  ButtonSet: { OK_CANCEL: "OK_CANCEL" },
  createMenu: menu,
  prompt: () => {
    const answer = input.answers.shift();
    return { getSelectedButton: () => (answer === null ? "CANCEL" : "OK"), getResponseText: () => answer };
  },
};
const userError = (text) => ({
  setText: userError,
  throwException: () => { throw new Error(text); },
});

const context = vm.createContext({
  UrlFetchApp: {
    fetch: (url, { headers }) => {
      const sent = JSON.stringify({ url, origin: input.origin, headers });
      const [status, text] = JSON.parse(execFileSync(process.execPath, ["-e", SEND, sent], { maxBuffer: 2 ** 28 }));
      return { getResponseCode: () => status, getContentText: () => text };
    },
  },
  PropertiesService: {
    getUserProperties: () => ({
      getProperty: (name) => properties[name] ?? null,
      setProperties: (values) => { Object.assign(properties, values); },
      deleteProperty: (name) => { delete properties[name]; },
    }),
  },
  SpreadsheetApp: {
    getUi: () => ui,
    getActiveSpreadsheet: () => ({
      getSheetByName: (name) => sheets[name] ?? null,
      insertSheet: sheet,
      getSpreadsheetTimeZone: () => "UTC",
    }),
  },
  DataStudioApp: { createCommunityConnector: () => ({ newUserError: () => userError("") }) },
  Utilities: { formatDate: (date) => date.toISOString().slice(0, 10) },
});
vm.runInContext(readFileSync(input.script, "utf8"), context, { filename: input.script });

const results = input.calls.map(([name, argument]) => {
  try {
    return { value: context[name](argument) ?? null };
  } catch (error) {
    return { error: error.message };
  }
});
const written = Object.fromEntries(Object.entries(sheets).map(([name, own]) => [name, own.values]));
console.log(JSON.stringify({ results, properties, menus, sheets: written }));
