-- What changed a past UTC day since it ended, for the offers that are the advertiser's now, or those `wanted` of them.
WITH
offers AS MATERIALIZED (
    SELECT
        o.key, o.id, :offers::uuid[] IS NULL OR o.id = ANY(:offers::uuid[]) AS wanted,
        (
            SELECT max(moved_at) FROM {schema}.offer_move m WHERE m.offer = o.key AND m.to_advertiser = o.advertiser
        ) AS moved_at
    FROM {schema}.offer o
    WHERE o.advertiser = :advertiser::uuid
),
partners AS MATERIALIZED (
    SELECT key, id FROM {schema}.partner WHERE :partners::uuid[] IS NULL OR id = ANY(:partners::uuid[])
)

-- name: changes
-- The differences of each transaction that changed an offer and partner, in order of time. Cost is in millionths.
SELECT r.changed_at, o.id AS offer, p.id AS partner, r.cost, r.conversions, r.clicks, r.views, r.late, r.cause
FROM offers o
CROSS JOIN LATERAL (
    SELECT
        min(changed_at) AS changed_at, partner, sum(cost) AS cost, sum(conversions) AS conversions, sum(clicks) AS clicks,
        sum(views) AS views, bool_or(late) AS late, min(cause) AS cause
    FROM {schema}.restatement
    WHERE offer = o.key AND bucket >= :start::timestamptz AND bucket < :end::timestamptz
        AND changed_at >= :end::timestamptz
    GROUP BY xid, partner
) AS r
JOIN partners p ON p.key = r.partner
WHERE o.wanted
ORDER BY r.changed_at, o.id, p.id
LIMIT :limit::bigint + 1

-- name: conversions
-- Each change since then of a conversion that counted on the day before or after the change: the state before (null: it was
-- not known, or was another advertiser's) and after. In order of time.
, touched AS MATERIALIZED (
    SELECT c.id
    FROM {schema}.conversion c
    WHERE c.occurred_at >= :start::timestamptz AND c.occurred_at < :end::timestamptz
        AND c.offer IN (SELECT key FROM offers WHERE wanted) AND coalesce(c.changed_at, c.received_at) >= :end::timestamptz
    UNION
    SELECT h.conversion
    FROM offers o
    JOIN {schema}.conversion_history h ON h.offer = o.key
    WHERE o.wanted AND h.occurred_at >= :start::timestamptz AND h.occurred_at < :end::timestamptz
        AND h.until >= :end::timestamptz
),
states AS (
    SELECT
        c.id, coalesce(c.changed_at, c.received_at) AS since, NULL AS until, c.occurred_at, c.cost, c.status, c.cause,
        o.id AS offer, p.id AS partner, c.partner AS partner_key, o.moved_at, o.wanted
    FROM {schema}.conversion c
    JOIN offers o ON o.key = c.offer
    JOIN {schema}.partner p ON p.key = c.partner
    WHERE c.id IN (SELECT id FROM touched)
    UNION ALL
    SELECT
        h.conversion, h.since, h.until, h.occurred_at, h.cost, h.status, h.cause, o.id, p.id, h.partner, o.moved_at,
        o.wanted
    FROM {schema}.conversion_history h
    JOIN offers o ON o.key = h.offer
    JOIN {schema}.partner p ON p.key = h.partner
    WHERE h.conversion IN (SELECT id FROM touched)
),
steps AS (
    SELECT
        *, lag(status) OVER state AS old_status, lag(cost) OVER state AS old_cost, lag(occurred_at) OVER state AS old_time,
        lag(partner_key) OVER state AS old_partner, lag(wanted) OVER state AS old_wanted
    FROM states
    WINDOW state AS (PARTITION BY id ORDER BY since, until NULLS LAST)
)
SELECT since AS changed_at, id, offer, partner, old_status, status, old_cost, cost, cause
FROM steps
WHERE since >= :end::timestamptz AND (moved_at IS NULL OR since >= moved_at)
    AND (
        occurred_at >= :start::timestamptz AND occurred_at < :end::timestamptz
        OR old_time >= :start::timestamptz AND old_time < :end::timestamptz
    )
    AND (wanted OR old_wanted)
    AND (partner_key IN (SELECT key FROM partners) OR old_partner IN (SELECT key FROM partners))
ORDER BY since, id, until NULLS LAST
LIMIT :limit::bigint + 1
