-- One row: the totals of the cost report.
WITH
-- include: ../../sql/offers.sql
,
-- include: ../../sql/metrics.sql
SELECT
    coalesce(trim_scale(sum(cost)), 0) AS cost, coalesce(sum(conversions), 0)::bigint AS conversions,
    coalesce(sum(clicks), 0)::bigint AS clicks, coalesce(sum(views), 0)::bigint AS views
FROM metrics
