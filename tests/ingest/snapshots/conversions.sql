BEGIN;

SET LOCAL citus.propagate_set_commands TO E'local'; SET LOCAL lock_timeout TO E'10s'; SET LOCAL gokart.actor TO E'intake:files';

SELECT id, key, advertiser FROM t_tenant.offer WHERE id = ANY($1::uuid[]);

SELECT id FROM t_tenant.partner WHERE id = ANY($1::uuid[]);

SELECT id, key FROM t_tenant.partner WHERE id = ANY($1::uuid[]);

INSERT INTO t_tenant.conversion (
    id, sent_ticks, callback, occurred_at, cost, offer, partner, status, rejection_reason, click, details
)
SELECT * FROM
    unnest(
        $1::uuid[], $2::bigint[], $3::uuid[], $4::timestamptz[], $5::bigint[],
        $6::int[], $7::int[], $8::text[], $9::text[], $10::uuid[],
        $11::jsonb[]
    ) AS t (
        id, sent_ticks, callback, occurred_at, cost, offer, partner, status, rejection_reason, click, details
    )
ON CONFLICT DO NOTHING
RETURNING id;

SELECT id, sent_ticks, callback, occurred_at, cost, offer, partner, status, rejection_reason, click, details
FROM t_tenant.conversion
WHERE id = ANY($1::uuid[])
ORDER BY id
FOR UPDATE;

UPDATE t_tenant.conversion c SET
    sent_ticks = t.sent_ticks,
    callback = t.callback,
    occurred_at = t.occurred_at,
    cost = t.cost,
    offer = t.offer,
    partner = t.partner,
    status = t.status,
    rejection_reason = t.rejection_reason,
    click = t.click,
    details = t.details,
    received_at = now()
FROM
    unnest(
        $1::uuid[], $2::bigint[], $3::uuid[], $4::timestamptz[], $5::bigint[],
        $6::int[], $7::int[], $8::text[], $9::text[], $10::uuid[],
        $11::jsonb[]
    ) AS t (
        id, sent_ticks, callback, occurred_at, cost, offer, partner, status, rejection_reason, click, details
    )
WHERE c.id = t.id;

WITH quarter AS (
    SELECT offer, to_timestamp(seconds) AS bucket, partner, conversions, clicks, views, cost
    FROM
    unnest(
        $1::int[], $2::bigint[], $3::int[],
        $4::int[], $5::int[], $6::int[], $7::bigint[]
    ) AS u (offer, seconds, partner, conversions, clicks, views, cost)
),
written_here AS MATERIALIZED (SELECT set_config('gokart.hours', 'written', true)),
time AS MATERIALIZED (
    SELECT
        clock_timestamp() AS now,
        clock_timestamp() + interval '15 minutes' AS nearly_now,
        (clock_timestamp() AT TIME ZONE 'UTC')::date - coalesce((SELECT final_after_days FROM t_tenant.setting), 30)
            AS provisional_from,
        t_tenant.cause_of_change() AS cause
),
hour AS MATERIALIZED (
    SELECT
        offer, date_trunc('hour', bucket, 'UTC') AS bucket, partner,
        sum(conversions) AS conversions, sum(clicks) AS clicks, sum(views) AS views, sum(cost) AS cost
    FROM quarter
    GROUP BY 1, 2, 3
),
day AS MATERIALIZED (
    SELECT
        offer, (bucket AT TIME ZONE 'UTC')::date AS bucket, partner,
        sum(conversions) AS conversions, sum(clicks) AS clicks, sum(views) AS views, sum(cost) AS cost
    FROM hour
    GROUP BY 1, 2, 3
),
month AS MATERIALIZED (
    SELECT
        offer, date_trunc('month', bucket::timestamp)::date AS bucket, partner,
        sum(conversions) AS conversions, sum(clicks) AS clicks, sum(views) AS views, sum(cost) AS cost
    FROM day
    GROUP BY 1, 2, 3
),
upserted_quarters AS (
    INSERT INTO t_tenant.by_quarter AS t (offer, bucket, partner, conversions, clicks, views, cost)
    SELECT offer, bucket, partner, conversions, clicks, views, cost
    FROM quarter, written_here
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
    SELECT DISTINCT
        offer, bucket, 1, $8::timestamptz, pg_current_xact_id(), bucket < provisional_from AND cause <> 'import'
    FROM day, time
    WHERE (SELECT count(*) FROM upserted_months) >= 0
    ORDER BY offer, bucket
ON CONFLICT (offer, bucket) DO UPDATE SET
    version = t.version + 1,
    changed_at = greatest(t.changed_at, excluded.changed_at)
        , xid = excluded.xid, late = t.late OR excluded.late
    RETURNING true
),
marked_months AS (
    INSERT INTO t_tenant.changed_month AS t (offer, bucket, version, changed_at, xid)
    SELECT DISTINCT offer, bucket, 1, $8::timestamptz, pg_current_xact_id()
    FROM month
    WHERE (SELECT count(*) FROM marked_days) >= 0
    ORDER BY offer, bucket
ON CONFLICT (offer, bucket) DO UPDATE SET
    version = t.version + 1,
    changed_at = greatest(t.changed_at, excluded.changed_at)
        , xid = greatest(t.xid, excluded.xid)
    RETURNING true
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
    JOIN t_tenant.offer o ON o.key = q.offer
    JOIN t_tenant.advertiser a ON a.id = o.advertiser
    WHERE q.bucket < date_trunc('day', time.nearly_now, 'UTC')
        OR a.time_zone <> 'UTC' AND q.bucket < date_trunc('day', time.nearly_now, a.time_zone)
)
SELECT count(*) FROM quarter WHERE (SELECT count(*) FROM marked_months) >= 0;

INSERT INTO t_tenant.intake (kind, token, accepted, duplicates, rejected)
VALUES ($1, $2, $3, $4, $5)
RETURNING id;

COMMIT;
