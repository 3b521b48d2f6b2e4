-- The cost report: a row for each (offer, partner) with a metric that is not zero.
-- Names are ordered by code point. `publisherName` and `revenue` are the documented names of partner and cost.
WITH
-- include: offers.sql
,
-- include: metrics.sql

-- name: whole
-- One row, of one snapshot: the validators, how many rows the report has, and its rows as the inside of a JSON array in
-- UTF-8. Of a report with more than `max_rows`, only max_rows + 1 are read.
,
-- include: validators_cte.sql
SELECT v.*, r.*
FROM validators v, (
    SELECT count(*) AS rows, convert_to(string_agg(
        -- include: cost_report_item.sql
        , ',' ORDER BY m.name COLLATE "C", p.name COLLATE "C", m.id, p.id
    ), 'UTF8') AS items
    FROM (SELECT * FROM metrics LIMIT :max_rows::bigint + 1) AS m JOIN {schema}.partner p ON p.key = m.partner
) AS r

-- name: items
-- The rows as JSON objects, for streaming.
SELECT
-- include: cost_report_item.sql
FROM (SELECT * FROM metrics OFFSET 0) AS m JOIN {schema}.partner p ON p.key = m.partner
ORDER BY m.name COLLATE "C", p.name COLLATE "C", m.id, p.id

-- name: columns
-- The rows as columns, for CSV.
SELECT
    m.id AS "offerId", m.name AS "offerName", m.conversions AS "totalConversions", m.clicks AS "totalClicks",
    m.views AS "totalViews", trim_scale(m.cost) AS "revenue", p.name AS "publisherName"
FROM (SELECT * FROM metrics OFFSET 0) AS m JOIN {schema}.partner p ON p.key = m.partner
ORDER BY m.name COLLATE "C", p.name COLLATE "C", m.id, p.id

-- name: spreadsheet
-- The columns for a person who opens the CSV in a spreadsheet. An apostrophe makes it show a formula as text; the
-- characters are those of `core.spreadsheets.FORMULA_PREFIXES`.
SELECT
    m.id AS "offerId", concat(CASE WHEN m.name ~ '^[-=+@\t\r\n]' THEN '''' END, m.name) AS "offerName",
    m.conversions AS "totalConversions", m.clicks AS "totalClicks", m.views AS "totalViews",
    trim_scale(m.cost) AS "revenue", concat(CASE WHEN p.name ~ '^[-=+@\t\r\n]' THEN '''' END, p.name) AS "publisherName"
FROM (SELECT * FROM metrics OFFSET 0) AS m JOIN {schema}.partner p ON p.key = m.partner
ORDER BY m.name COLLATE "C", p.name COLLATE "C", m.id, p.id
