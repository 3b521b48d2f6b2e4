-- Singular's report: a row for each (UTC day, offer, partner) with cost or clicks, ordered by day, offer id, partner id.
-- Cost is in currency units.
WITH
-- include: singular_offers.sql
,
-- include: daily_metrics.sql

-- name: whole
-- As in cost_report.sql.
,
-- include: validators_cte.sql
SELECT v.*, r.*
FROM validators v, (
    SELECT count(*) AS rows, convert_to(string_agg(
        -- include: singular_item.sql
        , ',' ORDER BY (m.day - :from_day::date) * 4294967296 + m.position, p.id
    ), 'UTF8') AS items
    FROM (SELECT * FROM metrics LIMIT :max_rows::bigint + 1) AS m JOIN {schema}.partner p ON p.key = m.partner
) AS r

-- name: items
-- The rows of a part of less than 2,048 days as JSON objects, for COPY.
SELECT
-- include: singular_item.sql
-- include: singular_in_order.sql

-- name: lines
-- The same rows as lines of CSV, for COPY.
SELECT concat(m.day, m.csv_before_partner, p.id, m.csv_after_partner, trim_scale(m.cost), ',', m.clicks)
-- include: singular_in_order.sql
