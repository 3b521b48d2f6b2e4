BEGIN;

SET LOCAL citus.propagate_set_commands TO E'local'; SET LOCAL lock_timeout TO E'10s'; SET LOCAL gokart.actor TO E'intake:files';

SELECT id, key, advertiser FROM t_tenant.offer WHERE id = ANY($1::uuid[]);

SELECT id::text, key FROM t_tenant.partner WHERE id = ANY($1::uuid[]);

WITH written AS (
    INSERT INTO t_tenant.conversion AS c (
        id, sent_ticks, callback, occurred_at, cost, offer, partner, status, rejection_reason, click, details, cause
    )
    SELECT
        id, sent_ticks, callback, to_timestamp(seconds), cost, offer, partner, status, rejection_reason, click, details,
        constant.cause
    FROM
        (
            SELECT set_config('gokart.states', 'written', true), t_tenant.cause_of_change() AS cause
            OFFSET 0
        ) AS constant,
        unnest(
            $1::uuid[], $2::bigint[], $3::uuid[], $4::float8[], $5::bigint[], $6::int[],
            $7::int[], $8::text[], $9::text[], $10::uuid[], $11::jsonb[]
        ) AS t (
            id, sent_ticks, callback, seconds, cost, offer, partner, status, rejection_reason, click, details
        )
    ORDER BY id
    ON CONFLICT (id) DO UPDATE SET
        sent_ticks = excluded.sent_ticks,
        callback = excluded.callback,
        occurred_at = excluded.occurred_at,
        cost = excluded.cost,
        offer = excluded.offer,
        partner = excluded.partner,
        status = excluded.status,
        rejection_reason = excluded.rejection_reason,
        click = excluded.click,
        details = excluded.details,
        received_at = excluded.received_at,
        changed_at = CASE
            WHEN
(c.occurred_at, c.cost, c.offer, c.partner, c.status, c.rejection_reason) IS DISTINCT FROM (
    excluded.occurred_at, excluded.cost, excluded.offer, excluded.partner, excluded.status, excluded.rejection_reason
)
            THEN greatest(excluded.changed_at, coalesce(c.changed_at, c.received_at))
            ELSE c.changed_at
        END,
        cause = CASE
            WHEN
(c.occurred_at, c.cost, c.offer, c.partner, c.status, c.rejection_reason) IS DISTINCT FROM (
    excluded.occurred_at, excluded.cost, excluded.offer, excluded.partner, excluded.status, excluded.rejection_reason
)
            THEN excluded.cause
            ELSE c.cause
        END
    WHERE (excluded.sent_ticks, excluded.callback) > (c.sent_ticks, c.callback)
    RETURNING
        new.id, new.occurred_at, new.cost, new.offer, new.partner, new.status, new.rejection_reason, new.changed_at,
        old.id IS NULL AS is_new, old.sent_ticks AS old_ticks, old.callback AS old_callback,
        old.occurred_at AS old_occurred_at, old.cost AS old_cost, old.offer AS old_offer, old.partner AS old_partner,
        old.status AS old_status, old.rejection_reason AS old_reason, old.cause AS old_cause,
        coalesce(old.changed_at, old.received_at) AS since
),
kept AS (
    INSERT INTO t_tenant.conversion_history (
        conversion, since, until, occurred_at, cost, offer, partner, status, rejection_reason, cause
    )
    SELECT
        id, since, changed_at, old_occurred_at, old_cost, old_offer, old_partner, old_status, old_reason, old_cause
    FROM written
    WHERE NOT is_new AND (old_occurred_at, old_cost, old_offer, old_partner, old_status, old_reason)
        IS DISTINCT FROM (occurred_at, cost, offer, partner, status, rejection_reason)
),
quarter AS MATERIALIZED (
    SELECT
        offer, date_bin('15 minutes', occurred_at, 'epoch') AS bucket, partner, sum(sign)::int AS conversions,
        0 AS clicks, 0 AS views, sum(cost)::bigint AS cost
    FROM (
        SELECT offer, occurred_at, partner, 1 AS sign, cost FROM written WHERE status = 'Success'
        UNION ALL
        SELECT old_offer, old_occurred_at, old_partner, -1, -old_cost FROM written WHERE old_status = 'Success'
    ) AS change
    GROUP BY 1, 2, 3
    HAVING sum(sign) <> 0 OR sum(cost) <> 0
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
    SELECT offer, bucket, 1, $12::timestamptz, pg_current_xact_id(), bucket < provisional_from AND cause <> 'import'
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
    SELECT offer, bucket, 1, $12::timestamptz, pg_current_xact_id()
    FROM (SELECT DISTINCT offer, date_trunc('month', bucket::timestamp)::date AS bucket FROM marked_days) AS m
    ORDER BY offer, bucket
ON CONFLICT (offer, bucket) DO UPDATE SET
    version = t.version + 1,
    changed_at = greatest(t.changed_at, excluded.changed_at)
        , xid = greatest(t.xid, excluded.xid)
    RETURNING true
)
SELECT
    count(*)::int AS written,
    coalesce(array_agg((id, old_ticks, old_callback)) FILTER (WHERE id = ANY($13::uuid[])), '{}') AS repeated
FROM written
WHERE (SELECT count(*) FROM marked_months) >= 0;

INSERT INTO t_tenant.intake (kind, token, accepted, duplicates, rejected)
VALUES ($1, $2, $3, $4, $5)
RETURNING id;

COMMIT;
