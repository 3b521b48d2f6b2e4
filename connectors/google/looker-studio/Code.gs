/**
 * A Looker Studio connector for GoKart: what an advertiser owes, by day, hour, offer, partner, app and campaign.
 *
 * Looker Studio calls these functions. Responses are the plain objects of its connector reference. The server groups and
 * sums, so that a chart reads only the rows that it shows. Figures are those of the report's time zone, and rates are
 * calculated fields in Looker Studio, such as SUM(cost) / SUM(conversions): rates cannot be summed.
 */

/** The fields, and the group or metric of the API that each of them needs. `hour` has no offset in Looker Studio. */
var FIELDS = [
  { name: 'hour', label: 'Hour', group: 'hour', type: 'YEAR_MONTH_DAY_HOUR' },
  { name: 'day', label: 'Day', group: 'day', type: 'YEAR_MONTH_DAY' },
  { name: 'week', label: 'Week (its Monday)', group: 'week', type: 'YEAR_MONTH_DAY' },
  { name: 'month', label: 'Month', group: 'month', type: 'YEAR_MONTH' },
  { name: 'offerId', label: 'Offer id', group: 'offer', type: 'TEXT' },
  { name: 'offerName', label: 'Offer', group: 'offer', type: 'TEXT' },
  { name: 'partnerId', label: 'Partner id', group: 'partner', type: 'TEXT' },
  { name: 'partnerName', label: 'Partner', group: 'partner', type: 'TEXT' },
  { name: 'app', label: 'App', group: 'app', type: 'TEXT' },
  { name: 'storeId', label: 'Store id', group: 'app', type: 'TEXT' },
  { name: 'os', label: 'Operating system', group: 'os', type: 'TEXT' },
  { name: 'campaign', label: 'Campaign', group: 'campaign', type: 'TEXT' },
  { name: 'cost', label: 'Cost', metric: 'cost', type: 'NUMBER' },
  { name: 'conversions', label: 'Conversions', metric: 'conversions', type: 'NUMBER' },
  { name: 'clicks', label: 'Clicks', metric: 'clicks', type: 'NUMBER' },
  { name: 'views', label: 'Views', metric: 'views', type: 'NUMBER' }
];
var DIGITS = { YEAR_MONTH: 6, YEAR_MONTH_DAY: 8, YEAR_MONTH_DAY_HOUR: 10 };

/** The user enters the host of the API, such as api.TENANT.getgokart.ai, and an API key with the scope cost-report. */
function getAuthType() {
  return { type: 'PATH_KEY' };
}

function setCredentials(request) {
  var host = request.pathKey.path.replace(/^https?:\/\//, '').replace(/\/.*$/, '').trim();
  var key = request.pathKey.key.trim();
  if (!isAccepted(host, key)) {
    return { errorCode: 'INVALID_CREDENTIALS' };
  }
  PropertiesService.getUserProperties().setProperties({ 'gokart.host': host, 'gokart.key': key });
  return { errorCode: 'NONE' };
}

function isAuthValid() {
  var stored = PropertiesService.getUserProperties();
  return isAccepted(stored.getProperty('gokart.host'), stored.getProperty('gokart.key'));
}

function resetAuth() {
  var stored = PropertiesService.getUserProperties();
  stored.deleteProperty('gokart.host');
  stored.deleteProperty('gokart.key');
}

function isAdminUser() {
  return false;
}

function getConfig() {
  return {
    configParams: [
      {
        type: 'TEXTINPUT',
        name: 'timeZone',
        displayName: 'Time zone',
        helpText: "Of hours, days, weeks and months, such as Europe/Berlin. Empty: the advertiser's."
      }
    ],
    dateRangeRequired: true
  };
}

function getSchema() {
  return { schema: FIELDS.map(describe) };
}

function getData(request) {
  var fields = request.fields.map(function (requested) {
    return FIELDS.filter(function (field) { return field.name === requested.name; })[0];
  });
  var parameters = { date_from: request.dateRange.startDate, date_to: request.dateRange.endDate };
  var groups = unique(fields, 'group');
  var metrics = unique(fields, 'metric');
  if (groups.length) {
    parameters.group_by = groups.join(',');
  }
  if (metrics.length) {
    parameters.metrics = metrics.join(',');
  }
  if (request.configParams && request.configParams.timeZone) {
    parameters.time_zone = request.configParams.timeZone;
  }
  var stored = PropertiesService.getUserProperties();
  var response = call(
    stored.getProperty('gokart.host'), stored.getProperty('gokart.key'), '/api/v1/reports/query', parameters
  );
  if (response.getResponseCode() !== 200) {
    DataStudioApp.createCommunityConnector().newUserError().setText(reason(response)).throwException();
  }
  var data = JSON.parse(response.getContentText()).data;
  return {
    schema: fields.map(describe),
    rows: data.map(function (row) {
      return { values: fields.map(function (field) { return shown(field, row[field.name]); }) };
    })
  };
}

function describe(field) {
  var metric = Boolean(field.metric);
  var schema = {
    name: field.name,
    label: field.label,
    dataType: metric ? 'NUMBER' : 'STRING',
    semantics: { conceptType: metric ? 'METRIC' : 'DIMENSION', semanticType: field.type }
  };
  if (metric) {
    schema.defaultAggregationType = 'SUM';
    schema.semantics.isReaggregatable = true;
  }
  return schema;
}

/** Looker Studio wants 20250519 for 2025-05-19, and 2025051915 for its hour from 15:00. */
function shown(field, value) {
  return DIGITS[field.type] ? value.replace(/[-T:]/g, '').slice(0, DIGITS[field.type]) : value;
}

function unique(fields, property) {
  return fields
    .map(function (field) { return field[property]; })
    .filter(function (value, index, all) { return value && all.indexOf(value) === index; });
}

function isAccepted(host, key) {
  return Boolean(host && key) && call(host, key, '/api/v1/reports/status', {}).getResponseCode() === 200;
}

function call(host, key, path, parameters) {
  var query = Object.keys(parameters)
    .map(function (name) { return name + '=' + encodeURIComponent(parameters[name]); })
    .join('&');
  return UrlFetchApp.fetch('https://' + host + path + (query ? '?' + query : ''), {
    headers: { Authorization: 'ApiToken ' + key },
    muteHttpExceptions: true
  });
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
