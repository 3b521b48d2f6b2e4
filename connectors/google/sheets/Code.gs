/**
 * GoKart figures in a Google Sheet: a menu that asks for an API key once, and writes a report into the sheet "GoKart".
 *
 * The sheet "GoKart settings" has the parameters of the report, a name and a value in each row: those of
 * GET /api/v1/reports/query, such as period, group_by and time_zone. The API key is kept in the user's own properties:
 * others who can open the sheet do not see it.
 */

var REPORT = 'GoKart';
var SETTINGS = 'GoKart settings';
var DEFAULTS = [['period', 'last_30_days'], ['group_by', 'day,offer,partner'], ['time_zone', '']];

function onOpen() {
  SpreadsheetApp.getUi().createMenu('GoKart').addItem('Sign in', 'signIn').addItem('Refresh', 'refresh').addToUi();
}

function signIn() {
  var host = ask('The host of the API, such as api.TENANT.getgokart.ai');
  var key = host && ask('An API key with the scope cost-report');
  if (key) {
    PropertiesService.getUserProperties().setProperties({ 'gokart.host': host, 'gokart.key': key });
  }
}

/** Replaces the rows of the sheet "GoKart". If the API refuses the request, the sheet stays as it was. */
function refresh() {
  var stored = PropertiesService.getUserProperties();
  if (!stored.getProperty('gokart.key')) {
    throw new Error('Choose GoKart > Sign in first.');
  }
  var response = UrlFetchApp.fetch('https://' + stored.getProperty('gokart.host') + '/api/v1/reports/query?' + parameters(), {
    headers: { Authorization: 'ApiToken ' + stored.getProperty('gokart.key') },
    muteHttpExceptions: true
  });
  if (response.getResponseCode() !== 200) {
    throw new Error(reason(response));
  }
  var rows = JSON.parse(response.getContentText()).data;
  var columns = rows.length ? Object.keys(rows[0]).filter(function (name) { return name !== 'id'; }) : ['No figures'];
  var values = [columns].concat(rows.map(function (row) {
    return columns.map(function (name) { return cell(row[name]); });
  }));
  var sheet = sheetOf(REPORT);
  sheet.clearContents();
  sheet.getRange(1, 1, values.length, columns.length).setValues(values);
}

/** The URL-encoded parameters of the sheet "GoKart settings", which is created with defaults if it does not exist. */
function parameters() {
  var sheet = SpreadsheetApp.getActiveSpreadsheet().getSheetByName(SETTINGS);
  if (!sheet) {
    sheet = sheetOf(SETTINGS);
    sheet.getRange(1, 1, DEFAULTS.length, 2).setValues(DEFAULTS);
  }
  return sheet.getDataRange().getValues()
    .filter(function (row) { return row[0] !== '' && row[1] !== ''; })
    .map(function (row) { return encodeURIComponent(row[0]) + '=' + encodeURIComponent(text(row[1])); })
    .join('&');
}

/** Sheets turns 2025-05-19 into a date of the spreadsheet's time zone. */
function text(value) {
  return value instanceof Date
    ? Utilities.formatDate(value, SpreadsheetApp.getActiveSpreadsheet().getSpreadsheetTimeZone(), 'yyyy-MM-dd')
    : String(value);
}

/** An apostrophe keeps Sheets from running a name such as =1+1 as a formula. */
function cell(value) {
  if (value === null || value === undefined) {
    return '';
  }
  return typeof value === 'string' && /^[-=+@\t\r\n]/.test(value) ? "'" + value : value;
}

function sheetOf(name) {
  var spreadsheet = SpreadsheetApp.getActiveSpreadsheet();
  return spreadsheet.getSheetByName(name) || spreadsheet.insertSheet(name);
}

function ask(question) {
  var ui = SpreadsheetApp.getUi();
  var answer = ui.prompt(question, ui.ButtonSet.OK_CANCEL);
  return answer.getSelectedButton() === ui.Button.OK ? answer.getResponseText().trim() : '';
}

/** What the API says about an error: its detail, and each parameter that is wrong. */
function reason(response) {
  try {
    var problem = JSON.parse(response.getContentText());
    var errors = (problem.errors || []).map(function (error) { return error.field + ': ' + error.message; });
    return [problem.detail || problem.title].concat(errors).join(' ');
  } catch (error) {
    return 'The server answered with status ' + response.getResponseCode() + '.';
  }
}
