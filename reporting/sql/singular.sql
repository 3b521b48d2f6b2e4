-- Singular's report: a row for each (UTC day, offer, partner) with cost or clicks, ordered by day, offer id, partner id.
-- Cost is in currency units.
WITH
-- `position` orders offers by id. Day and position are sorted as one number, which is faster than a date and a UUID.
offers AS MATERIALIZED (
    SELECT *, row_number() OVER (ORDER BY id) AS position
    FROM {schema}.offer
    WHERE advertiser = :advertiser::uuid AND (:offer::uuid IS NULL OR id = :offer::uuid)
),
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
,
-- include: singular_partners.sql
SELECT
-- include: singular_item.sql
FROM (SELECT * FROM metrics OFFSET 0) AS m JOIN partners p ON p.key = m.partner
-- include: singular_order.sql

-- name: columns
-- The same rows as columns, for CSV.
,
-- include: singular_partners.sql
SELECT
    m.day AS "date", m.name AS "offer_name", p.id AS "partner_id", m.app_name AS "app", m.store_id AS "store_id",
    m.os AS "os", m.campaign_name AS "campaign_name", m.id AS "campaign_id", trim_scale(m.cost) AS "cost",
    m.clicks AS "clicks"
FROM (SELECT * FROM metrics OFFSET 0) AS m JOIN partners p ON p.key = m.partner
-- include: singular_order.sql
