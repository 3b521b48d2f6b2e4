-- What `rollups.sql` does, as five statements: Citus sends the results of data-modifying common table expressions to all
-- nodes, so that one dead node would stop the intake of all tenants. Each of these statements goes to the tenant's node.
-- The parameters have each offer, quarter of an hour (its start in seconds since 1970) and partner once. Rows are locked in
-- the same order as there.

-- name: add_to_quarters
INSERT INTO {schema}.by_quarter AS t (offer, bucket, partner, conversions, clicks, views, cost)
SELECT offer, to_timestamp(seconds), partner, conversions, clicks, views, cost
FROM
-- include: deltas.sql
ORDER BY offer, seconds, partner
-- include: add_to_bucket.sql

-- name: add_to_days
INSERT INTO {schema}.by_day AS t (offer, bucket, partner, conversions, clicks, views, cost)
SELECT
    offer, (to_timestamp(seconds) AT TIME ZONE 'UTC')::date AS day, partner,
    sum(conversions), sum(clicks), sum(views), sum(cost)
FROM
-- include: deltas.sql
GROUP BY offer, day, partner
ORDER BY offer, day, partner
-- include: add_to_bucket.sql

-- name: add_to_months
INSERT INTO {schema}.by_month AS t (offer, bucket, partner, conversions, clicks, views, cost)
SELECT
    offer, date_trunc('month', to_timestamp(seconds) AT TIME ZONE 'UTC')::date AS month, partner,
    sum(conversions), sum(clicks), sum(views), sum(cost)
FROM
-- include: deltas.sql
GROUP BY offer, month, partner
ORDER BY offer, month, partner
-- include: add_to_bucket.sql

-- name: mark_days
INSERT INTO {schema}.changed_day AS t (offer, bucket, version, changed_at)
SELECT DISTINCT offer, (to_timestamp(seconds) AT TIME ZONE 'UTC')::date AS day, 1, :now::timestamptz
FROM unnest(:offers::int[], :seconds::bigint[]) AS u (offer, seconds)
ORDER BY offer, day
-- include: mark.sql

-- name: mark_months
INSERT INTO {schema}.changed_month AS t (offer, bucket, version, changed_at)
SELECT DISTINCT offer, date_trunc('month', to_timestamp(seconds) AT TIME ZONE 'UTC')::date AS month, 1, :now::timestamptz
FROM unnest(:offers::int[], :seconds::bigint[]) AS u (offer, seconds)
ORDER BY offer, month
-- include: mark.sql
