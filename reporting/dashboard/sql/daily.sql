-- A row for each UTC day in [first_day, end_day) for which anything was ever counted: its metrics, and when its figures
-- last changed.
WITH
-- include: ../../sql/offers.sql
,
metrics AS (
    SELECT
        bucket, trim_scale(sum(cost) * 0.000001) AS cost, sum(conversions)::bigint AS conversions,
        sum(clicks)::bigint AS clicks, sum(views)::bigint AS views
    FROM offers o
    CROSS JOIN LATERAL (
        SELECT * FROM {schema}.by_day
        WHERE offer = o.key AND bucket >= :first_day::date AND bucket < :end_day::date
        OFFSET 0
    ) AS day
    GROUP BY bucket
),
changes AS (
    SELECT bucket, max(changed_at) AS changed_at
    FROM offers o
    CROSS JOIN LATERAL (
        SELECT * FROM {schema}.changed_day
        WHERE offer = o.key AND bucket >= :first_day::date AND bucket < :end_day::date
        OFFSET 0
    ) AS change_mark
    GROUP BY bucket
)
SELECT bucket AS day, cost, conversions, clicks, views, changed_at FROM metrics LEFT JOIN changes USING (bucket)
