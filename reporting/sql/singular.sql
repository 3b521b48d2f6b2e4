-- Singular's report: a row for each (UTC day, offer, partner) with cost or clicks, ordered by day, offer id, partner id.
-- Whole days come from the daily roll-up. A first or last day that is only partly in the range is summed up from its
-- quarters of an hour. Cost is in currency units.
WITH
-- `position` orders offers by id. Day and position are sorted as one number, which is faster than a date and a UUID.
offers AS MATERIALIZED (
    SELECT *, row_number() OVER (ORDER BY id) AS position
    FROM {schema}.offer
    WHERE advertiser = :advertiser::uuid AND (:offer::uuid IS NULL OR id = :offer::uuid)
),
metrics AS (
    SELECT o.*, m.*
    FROM offers o
    CROSS JOIN LATERAL (
        -- as of: as_of_days_begin.sql
        SELECT bucket AS day, partner, clicks, cost * 0.000001 AS cost
        FROM {schema}.by_day
        WHERE offer = o.key AND bucket >= :first_day::date AND bucket < :end_day::date
            AND (clicks <> 0 OR cost <> 0)
        UNION ALL
        SELECT (bucket AT TIME ZONE 'UTC')::date AS day, partner, sum(clicks), sum(cost) * 0.000001
        FROM unnest(:quarter_starts::timestamptz[], :quarter_ends::timestamptz[]) AS span (start, "end")
        CROSS JOIN LATERAL (
            SELECT bucket, partner, clicks, cost FROM {schema}.by_quarter
            WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
            OFFSET 0
        ) AS quarter
        GROUP BY 1, 2
        HAVING sum(clicks) <> 0 OR sum(cost) <> 0
        -- as of: as_of_days_end.sql
        OFFSET 0
    ) AS m
)

-- name: whole
-- As in cost_report.sql.
,
-- include: validators_cte.sql
SELECT v.*, r.*
FROM validators v, (
    SELECT count(*) AS rows, convert_to(string_agg(
        -- include: singular_item.sql
        , ',' ORDER BY (m.day - date '2000-01-01') * 4294967296 + m.position, p.id
    ), 'UTF8') AS items
    FROM (SELECT * FROM metrics LIMIT :max_rows::bigint + 1) AS m JOIN {schema}.partner p ON p.key = m.partner
) AS r

-- name: items
SELECT
-- include: singular_item.sql
FROM (SELECT * FROM metrics OFFSET 0) AS m JOIN {schema}.partner p ON p.key = m.partner
ORDER BY (m.day - date '2000-01-01') * 4294967296 + m.position, p.id

-- name: columns
SELECT
    m.day AS "date", m.name AS "offer_name", p.id AS "partner_id", m.app_name AS "app", m.store_id AS "store_id",
    m.os AS "os", m.campaign_name AS "campaign_name", m.id AS "campaign_id", trim_scale(m.cost) AS "cost",
    m.clicks AS "clicks"
FROM (SELECT * FROM metrics OFFSET 0) AS m JOIN {schema}.partner p ON p.key = m.partner
ORDER BY (m.day - date '2000-01-01') * 4294967296 + m.position, p.id
