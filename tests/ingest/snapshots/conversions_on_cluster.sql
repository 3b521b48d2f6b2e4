BEGIN;

SET LOCAL citus.propagate_set_commands TO E'local'; SET LOCAL lock_timeout TO E'10s'; SET LOCAL gokart.actor TO E'intake:files';

SELECT id, key, advertiser FROM t_tenant.offer WHERE id = ANY($1::uuid[]);

SELECT id::text, key FROM t_tenant.partner WHERE id = ANY($1::uuid[]);

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

SET LOCAL citus.propagate_set_commands TO E'local'; SET LOCAL gokart.hours TO E'written';

INSERT INTO t_tenant.by_quarter AS t (offer, bucket, partner, conversions, clicks, views, cost)
SELECT offer, to_timestamp(seconds), partner, conversions, clicks, views, cost
FROM
    unnest(
        $1::int[], $2::bigint[], $3::int[],
        $4::int[], $5::int[], $6::int[], $7::bigint[]
    ) AS u (offer, seconds, partner, conversions, clicks, views, cost)
ORDER BY offer, seconds, partner
ON CONFLICT (offer, bucket, partner) DO UPDATE SET
    conversions = t.conversions + excluded.conversions,
    clicks = t.clicks + excluded.clicks,
    views = t.views + excluded.views,
    cost = t.cost + excluded.cost;

INSERT INTO t_tenant.by_hour AS t (offer, bucket, partner, conversions, clicks, views, cost)
SELECT
    offer, to_timestamp(seconds - seconds % 3600) AS hour, partner, sum(conversions), sum(clicks), sum(views), sum(cost)
FROM
    unnest(
        $1::int[], $2::bigint[], $3::int[],
        $4::int[], $5::int[], $6::int[], $7::bigint[]
    ) AS u (offer, seconds, partner, conversions, clicks, views, cost)
GROUP BY offer, hour, partner
ORDER BY offer, hour, partner
ON CONFLICT (offer, bucket, partner) DO UPDATE SET
    conversions = t.conversions + excluded.conversions,
    clicks = t.clicks + excluded.clicks,
    views = t.views + excluded.views,
    cost = t.cost + excluded.cost;

INSERT INTO t_tenant.by_day AS t (offer, bucket, partner, conversions, clicks, views, cost)
SELECT
    offer, (to_timestamp(seconds) AT TIME ZONE 'UTC')::date AS day, partner,
    sum(conversions), sum(clicks), sum(views), sum(cost)
FROM
    unnest(
        $1::int[], $2::bigint[], $3::int[],
        $4::int[], $5::int[], $6::int[], $7::bigint[]
    ) AS u (offer, seconds, partner, conversions, clicks, views, cost)
GROUP BY offer, day, partner
ORDER BY offer, day, partner
ON CONFLICT (offer, bucket, partner) DO UPDATE SET
    conversions = t.conversions + excluded.conversions,
    clicks = t.clicks + excluded.clicks,
    views = t.views + excluded.views,
    cost = t.cost + excluded.cost;

INSERT INTO t_tenant.by_month AS t (offer, bucket, partner, conversions, clicks, views, cost)
SELECT
    offer, date_trunc('month', to_timestamp(seconds) AT TIME ZONE 'UTC')::date AS month, partner,
    sum(conversions), sum(clicks), sum(views), sum(cost)
FROM
    unnest(
        $1::int[], $2::bigint[], $3::int[],
        $4::int[], $5::int[], $6::int[], $7::bigint[]
    ) AS u (offer, seconds, partner, conversions, clicks, views, cost)
GROUP BY offer, month, partner
ORDER BY offer, month, partner
ON CONFLICT (offer, bucket, partner) DO UPDATE SET
    conversions = t.conversions + excluded.conversions,
    clicks = t.clicks + excluded.clicks,
    views = t.views + excluded.views,
    cost = t.cost + excluded.cost;

SELECT
    o.key AS offer, a.time_zone,
    (clock_timestamp() AT TIME ZONE 'UTC')::date - coalesce((SELECT final_after_days FROM t_tenant.setting), 30)
        AS provisional_from,
    t_tenant.cause_of_change() AS cause
FROM t_tenant.offer o JOIN t_tenant.advertiser a ON a.id = o.advertiser
WHERE o.key = ANY($1::int[]);

INSERT INTO t_tenant.changed_day AS t (offer, bucket, version, changed_at, late)
SELECT DISTINCT
    offer, (to_timestamp(seconds) AT TIME ZONE 'UTC')::date AS day, 1, $1::timestamptz,
    (to_timestamp(seconds) AT TIME ZONE 'UTC')::date < $2::date AND $3::text <> 'import'
FROM unnest($4::int[], $5::bigint[]) AS u (offer, seconds)
ORDER BY offer, day
ON CONFLICT (offer, bucket) DO UPDATE SET
    version = t.version + 1,
    changed_at = greatest(t.changed_at, excluded.changed_at)
    , xid = excluded.xid, late = t.late OR excluded.late;

INSERT INTO t_tenant.changed_month AS t (offer, bucket, version, changed_at)
SELECT DISTINCT offer, date_trunc('month', to_timestamp(seconds) AT TIME ZONE 'UTC')::date AS month, 1, $1::timestamptz
FROM unnest($2::int[], $3::bigint[]) AS u (offer, seconds)
ORDER BY offer, month
ON CONFLICT (offer, bucket) DO UPDATE SET
    version = t.version + 1,
    changed_at = greatest(t.changed_at, excluded.changed_at)
    , xid = greatest(t.xid, excluded.xid);

INSERT INTO t_tenant.restatement (bucket, offer, partner, conversions, clicks, views, cost, late, cause)
SELECT
    to_timestamp(seconds), offer, partner, conversions, clicks, views, cost,
    (to_timestamp(seconds) AT TIME ZONE 'UTC')::date < $1::date AND $2::text <> 'import', $2::text
FROM unnest(
    $3::int[], $4::bigint[], $5::int[],
    $6::int[], $7::int[], $8::int[], $9::bigint[], $10::text[]
) AS u (offer, seconds, partner, conversions, clicks, views, cost, time_zone)
WHERE to_timestamp(seconds) < date_trunc('day', clock_timestamp() + interval '15 minutes', 'UTC')
    OR to_timestamp(seconds) < date_trunc('day', clock_timestamp() + interval '15 minutes', time_zone);

INSERT INTO t_tenant.intake (kind, token, accepted, duplicates, rejected)
VALUES ($1, $2, $3, $4, $5)
RETURNING id;

COMMIT;
