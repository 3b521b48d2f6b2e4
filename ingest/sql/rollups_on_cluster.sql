-- What `rollups.sql` does, as seven statements: Citus sends the results of data-modifying common table expressions to all
-- nodes, so that one dead node would stop the intake of all tenants. Each of these statements goes to the tenant's node.
-- The parameters have each offer, quarter of an hour (its start in seconds since 1970) and partner once. Rows are locked in
-- the same order as there.

-- name: lateness
-- For each offer its advertiser's time zone and, the same in each row, from which day on changes are not late, and what
-- causes them.
SELECT
    o.key AS offer, a.time_zone,
    (clock_timestamp() AT TIME ZONE 'UTC')::date - coalesce((SELECT final_after_days FROM {schema}.setting), 30)
        AS provisional_from,
    {schema}.cause_of_change() AS cause
FROM {schema}.offer o JOIN {schema}.advertiser a ON a.id = o.advertiser
WHERE o.key = ANY(:offers::int[])

-- name: add_to_quarters
INSERT INTO {schema}.by_quarter AS t (offer, bucket, partner, conversions, clicks, views, cost)
SELECT offer, to_timestamp(seconds), partner, conversions, clicks, views, cost
FROM
-- include: deltas.sql
ORDER BY offer, seconds, partner
-- include: add_to_bucket.sql

-- name: add_to_hours
INSERT INTO {schema}.by_hour AS t (offer, bucket, partner, conversions, clicks, views, cost)
SELECT
    offer, to_timestamp(seconds - seconds % 3600) AS hour, partner, sum(conversions), sum(clicks), sum(views), sum(cost)
FROM
-- include: deltas.sql
GROUP BY offer, hour, partner
ORDER BY offer, hour, partner
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

-- name: log_restatements
-- Triggers on the node set xid.
INSERT INTO {schema}.restatement (bucket, offer, partner, conversions, clicks, views, cost, late, cause)
SELECT
    to_timestamp(seconds), offer, partner, conversions, clicks, views, cost,
    (to_timestamp(seconds) AT TIME ZONE 'UTC')::date < :provisional_from::date AND :cause::text <> 'import', :cause::text
FROM unnest(
    :offers::int[], :seconds::bigint[], :partners::int[],
    :conversions::int[], :clicks::int[], :views::int[], :costs::bigint[], :time_zones::text[]
) AS u (offer, seconds, partner, conversions, clicks, views, cost, time_zone)
WHERE to_timestamp(seconds) < date_trunc('day', clock_timestamp() + interval '15 minutes', 'UTC')
    OR to_timestamp(seconds) < date_trunc('day', clock_timestamp() + interval '15 minutes', time_zone)

-- name: mark_days
INSERT INTO {schema}.changed_day AS t (offer, bucket, version, changed_at, late)
SELECT DISTINCT
    offer, (to_timestamp(seconds) AT TIME ZONE 'UTC')::date AS day, 1, :now::timestamptz,
    (to_timestamp(seconds) AT TIME ZONE 'UTC')::date < :provisional_from::date AND :cause::text <> 'import'
FROM unnest(:offers::int[], :seconds::bigint[]) AS u (offer, seconds)
ORDER BY offer, day
-- include: mark.sql
    , xid = excluded.xid, late = t.late OR excluded.late

-- name: mark_months
INSERT INTO {schema}.changed_month AS t (offer, bucket, version, changed_at)
SELECT DISTINCT offer, date_trunc('month', to_timestamp(seconds) AT TIME ZONE 'UTC')::date AS month, 1, :now::timestamptz
FROM unnest(:offers::int[], :seconds::bigint[]) AS u (offer, seconds)
ORDER BY offer, month
-- include: mark.sql
    , xid = greatest(t.xid, excluded.xid)
