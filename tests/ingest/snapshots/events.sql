SELECT id::text, key FROM t_tenant.offer WHERE id = ANY($1::uuid[]);

SELECT id::text, key FROM t_tenant.partner WHERE id = ANY($1::uuid[]);

BEGIN;

SET LOCAL citus.propagate_set_commands TO E'local'; SET LOCAL lock_timeout TO E'10s'; SET LOCAL gokart.actor TO E'intake:files';

WITH inserted AS (
    INSERT INTO t_tenant.event (id, occurred_at, offer, partner, is_click)
    SELECT id, to_timestamp(seconds), offer, partner, is_click
    FROM unnest(
        $1::text::uuid[], $2::text::float8[], $3::text::int[], $4::text::int[],
        $5::text::bool[]
    ) AS t (id, seconds, offer, partner, is_click)
    ORDER BY id
    ON CONFLICT DO NOTHING
    RETURNING occurred_at, offer, partner, is_click
),
quarter AS MATERIALIZED (
    SELECT
        offer, date_bin('15 minutes', occurred_at, 'epoch') AS bucket, partner, 0 AS conversions,
        (count(*) FILTER (WHERE is_click))::int AS clicks,
        (count(*) FILTER (WHERE NOT is_click))::int AS views,
        0 AS cost
    FROM inserted
    GROUP BY 1, 2, 3
),
written_here AS MATERIALIZED (SELECT set_config('gokart.hours', 'written', true)),
time AS MATERIALIZED (
    SELECT
        clock_timestamp() AS now,
        clock_timestamp() + interval '15 minutes' AS nearly_now,
        date_trunc('day', clock_timestamp() + interval '15 minutes', 'UTC') AS utc_day,
        (clock_timestamp() AT TIME ZONE 'UTC')::date - coalesce((SELECT final_after_days FROM t_tenant.setting), 30)
            AS provisional_from,
        t_tenant.cause_of_change() AS cause
),
hour AS MATERIALIZED (
    SELECT
        offer, date_bin('1 hour', bucket, 'epoch') AS bucket, partner, sum(conversions)::int AS conversions,
        sum(clicks)::int AS clicks, sum(views)::int AS views, sum(cost)::bigint AS cost
    FROM quarter
    GROUP BY 1, 2, 3
),
day AS MATERIALIZED (
    SELECT
        offer, (bucket AT TIME ZONE 'UTC')::date AS bucket, partner, sum(conversions)::int AS conversions,
        sum(clicks)::int AS clicks, sum(views)::int AS views, sum(cost)::bigint AS cost
    FROM hour
    GROUP BY 1, 2, 3
),
month AS MATERIALIZED (
    SELECT
        offer, date_trunc('month', bucket::timestamp)::date AS bucket, partner, sum(conversions) AS conversions,
        sum(clicks) AS clicks, sum(views) AS views, sum(cost)::bigint AS cost
    FROM day
    GROUP BY 1, 2, 3
),
logged AS (
    INSERT INTO t_tenant.restatement (
        changed_at, xid, bucket, offer, partner, conversions, clicks, views, cost, late, cause
    )
    SELECT
        time.now, pg_current_xact_id(), q.bucket, q.offer, q.partner, q.conversions, q.clicks, q.views, q.cost,
        (q.bucket AT TIME ZONE 'UTC')::date < time.provisional_from AND time.cause <> 'import', time.cause
    FROM quarter q
    CROSS JOIN time
    WHERE q.bucket < time.utc_day OR EXISTS (
        SELECT FROM t_tenant.offer o JOIN t_tenant.advertiser a ON a.id = o.advertiser
        WHERE o.key = q.offer AND a.time_zone <> 'UTC' AND q.bucket < date_trunc('day', time.nearly_now, a.time_zone)
    )
    ORDER BY q.offer, q.bucket
    RETURNING true
),
upserted_quarters AS (
    INSERT INTO t_tenant.by_quarter AS t (offer, bucket, partner, conversions, clicks, views, cost)
    SELECT offer, bucket, partner, conversions, clicks, views, cost
    FROM quarter, written_here
    WHERE (SELECT count(*) FROM logged) >= 0
    ORDER BY offer, bucket, partner
ON CONFLICT (offer, bucket, partner) DO UPDATE SET
    conversions = t.conversions + excluded.conversions,
    clicks = t.clicks + excluded.clicks,
    views = t.views + excluded.views,
    cost = t.cost + excluded.cost
    RETURNING true
),
upserted_hours AS (
    INSERT INTO t_tenant.by_hour AS t (offer, bucket, partner, conversions, clicks, views, cost)
    SELECT offer, bucket, partner, conversions, clicks, views, cost
    FROM hour
    WHERE (SELECT count(*) FROM upserted_quarters) >= 0
    ORDER BY offer, bucket, partner
ON CONFLICT (offer, bucket, partner) DO UPDATE SET
    conversions = t.conversions + excluded.conversions,
    clicks = t.clicks + excluded.clicks,
    views = t.views + excluded.views,
    cost = t.cost + excluded.cost
    RETURNING true
),
upserted_days AS (
    INSERT INTO t_tenant.by_day AS t (offer, bucket, partner, conversions, clicks, views, cost)
    SELECT offer, bucket, partner, conversions, clicks, views, cost
    FROM day
    WHERE (SELECT count(*) FROM upserted_hours) >= 0
    ORDER BY offer, bucket, partner
ON CONFLICT (offer, bucket, partner) DO UPDATE SET
    conversions = t.conversions + excluded.conversions,
    clicks = t.clicks + excluded.clicks,
    views = t.views + excluded.views,
    cost = t.cost + excluded.cost
    RETURNING true
),
upserted_months AS (
    INSERT INTO t_tenant.by_month AS t (offer, bucket, partner, conversions, clicks, views, cost)
    SELECT offer, bucket, partner, conversions, clicks, views, cost
    FROM month
    WHERE (SELECT count(*) FROM upserted_days) >= 0
    ORDER BY offer, bucket, partner
ON CONFLICT (offer, bucket, partner) DO UPDATE SET
    conversions = t.conversions + excluded.conversions,
    clicks = t.clicks + excluded.clicks,
    views = t.views + excluded.views,
    cost = t.cost + excluded.cost
    RETURNING true
),
marked_days AS (
    INSERT INTO t_tenant.changed_day AS t (offer, bucket, version, changed_at, xid, late)
    SELECT offer, bucket, 1, $6::timestamptz, pg_current_xact_id(), bucket < provisional_from AND cause <> 'import'
    FROM (SELECT DISTINCT offer, bucket FROM day) AS d, time
    WHERE (SELECT count(*) FROM upserted_months) >= 0
    ORDER BY offer, bucket
ON CONFLICT (offer, bucket) DO UPDATE SET
    version = t.version + 1,
    changed_at = greatest(t.changed_at, excluded.changed_at)
        , xid = excluded.xid, late = t.late OR excluded.late
    RETURNING offer, bucket
),
marked_months AS (
    INSERT INTO t_tenant.changed_month AS t (offer, bucket, version, changed_at, xid)
    SELECT offer, bucket, 1, $6::timestamptz, pg_current_xact_id()
    FROM (SELECT DISTINCT offer, date_trunc('month', bucket::timestamp)::date AS bucket FROM marked_days) AS m
    ORDER BY offer, bucket
ON CONFLICT (offer, bucket) DO UPDATE SET
    version = t.version + 1,
    changed_at = greatest(t.changed_at, excluded.changed_at)
        , xid = greatest(t.xid, excluded.xid)
    RETURNING true
)
SELECT coalesce(sum(clicks + views), 0)::int FROM quarter WHERE (SELECT count(*) FROM marked_months) >= 0;

INSERT INTO t_tenant.intake (kind, token, accepted, duplicates, rejected)
VALUES ($1, $2, $3, $4, $5)
RETURNING id;

COMMIT;
