-- What changed a past UTC day since it ended, as the advertiser saw it: changes of offers, or of those `wanted`, while they
-- were the advertiser's, and their moves.
WITH
moves AS MATERIALIZED (
    SELECT
        offer, moved_at, from_advertiser, to_advertiser, row_number() OVER history AS number,
        lead(moved_at) OVER history AS next_moved_at
    FROM {schema}.offer_move
    WHERE offer IN (
        SELECT key FROM {schema}.offer WHERE advertiser = :advertiser::uuid
        UNION ALL
        SELECT offer FROM {schema}.offer_move WHERE from_advertiser = :advertiser::uuid
    )
    WINDOW history AS (PARTITION BY offer ORDER BY id)
),
-- An offer was the advertiser's in each of its rows' [since, until).
own AS MATERIALIZED (
    SELECT
        o.key, o.id, period.since, period.until,
        :offers::uuid[] IS NULL OR o.id = ANY(:offers::uuid[]) AS wanted
    FROM (
        SELECT offer, '-infinity'::timestamptz AS since, moved_at AS until
        FROM moves
        WHERE number = 1 AND from_advertiser = :advertiser::uuid
        UNION ALL
        SELECT offer, moved_at, coalesce(next_moved_at, 'infinity')
        FROM moves
        WHERE to_advertiser = :advertiser::uuid
        UNION ALL
        SELECT key, '-infinity', 'infinity'
        FROM {schema}.offer
        WHERE advertiser = :advertiser::uuid AND key NOT IN (SELECT offer FROM moves)
    ) AS period
    JOIN {schema}.offer o ON o.key = period.offer
),
partners AS MATERIALIZED (
    SELECT key, id FROM {schema}.partner WHERE :partners::uuid[] IS NULL OR id = ANY(:partners::uuid[])
)

-- name: changes
-- The differences of each transaction that changed an offer and partner, in order of time. Cost is in millionths. A move to or
-- from the advertiser adds or subtracts what the figures were at that time: the present ones without the restatements since.
, differences AS (
    SELECT o.id AS offer, r.*
    FROM own o
    CROSS JOIN LATERAL (
        SELECT
            min(changed_at) AS changed_at, partner, sum(cost) AS cost, sum(conversions)::bigint AS conversions,
            sum(clicks)::bigint AS clicks, sum(views)::bigint AS views, bool_or(late) AS late, min(cause) AS cause
        FROM {schema}.restatement
        WHERE offer = o.key AND bucket >= :start::timestamptz AND bucket < :end::timestamptz
            AND changed_at >= greatest(:end::timestamptz, o.since) AND changed_at < o.until
        GROUP BY xid, partner
    ) AS r
    WHERE o.wanted
    UNION ALL
    SELECT
        o.id, move.moved_at, f.partner, move.sign * f.cost, move.sign * f.conversions, move.sign * f.clicks,
        move.sign * f.views,
        (:start::timestamptz AT TIME ZONE 'UTC')::date
            < (move.moved_at AT TIME ZONE 'UTC')::date - :final_after_days::int,
        'move'
    FROM own o
    CROSS JOIN LATERAL (VALUES (1, o.since), (-1, o.until)) AS move (sign, moved_at)
    CROSS JOIN LATERAL (
        SELECT
            partner, sum(cost) AS cost, sum(conversions)::bigint AS conversions, sum(clicks)::bigint AS clicks,
            sum(views)::bigint AS views
        FROM (
            SELECT partner, cost, conversions, clicks, views
            FROM {schema}.by_day
            WHERE offer = o.key AND bucket = (:start::timestamptz AT TIME ZONE 'UTC')::date
            UNION ALL
            SELECT partner, -cost, -conversions, -clicks, -views
            FROM {schema}.restatement
            WHERE offer = o.key AND bucket >= :start::timestamptz AND bucket < :end::timestamptz
                AND changed_at >= move.moved_at
        ) AS figure
        GROUP BY partner
    ) AS f
    WHERE o.wanted AND isfinite(move.moved_at) AND move.moved_at >= greatest(:end::timestamptz, :recorded_since::timestamptz)
        AND (f.cost <> 0 OR f.conversions <> 0 OR f.clicks <> 0 OR f.views <> 0)
)
SELECT d.changed_at, d.offer, p.id AS partner, d.cost, d.conversions, d.clicks, d.views, d.late, d.cause
FROM differences d
JOIN partners p ON p.key = d.partner
ORDER BY d.changed_at, d.offer, p.id
LIMIT :limit::bigint + 1

-- name: conversions
-- Each change since then of a conversion that counted on the day before or after the change: the state before (null: it was
-- not known, or was another advertiser's) and after (null: it is another advertiser's). In order of time.
, touched AS MATERIALIZED (
    SELECT c.id
    FROM {schema}.conversion c
    WHERE c.occurred_at >= :start::timestamptz AND c.occurred_at < :end::timestamptz
        AND c.offer IN (SELECT key FROM own WHERE wanted) AND coalesce(c.changed_at, c.received_at) >= :end::timestamptz
    UNION
    SELECT h.conversion
    FROM (SELECT DISTINCT key FROM own WHERE wanted) AS o
    JOIN {schema}.conversion_history h ON h.offer = o.key
    WHERE h.occurred_at >= :start::timestamptz AND h.occurred_at < :end::timestamptz AND h.until >= :end::timestamptz
),
states AS (
    SELECT
        id, coalesce(changed_at, received_at) AS since, NULL AS until, occurred_at, cost, status, cause, offer, partner
    FROM {schema}.conversion
    WHERE id IN (SELECT id FROM touched)
    UNION ALL
    SELECT conversion, since, until, occurred_at, cost, status, cause, offer, partner
    FROM {schema}.conversion_history
    WHERE conversion IN (SELECT id FROM touched)
),
steps AS (
    SELECT
        *, lag(status) OVER state AS old_status, lag(cost) OVER state AS old_cost, lag(occurred_at) OVER state AS old_time,
        lag(offer) OVER state AS old_offer, lag(partner) OVER state AS old_partner
    FROM states
    WINDOW state AS (PARTITION BY id ORDER BY since, until NULLS LAST)
)
SELECT
    s.since AS changed_at, s.id, coalesce(after.id, before.id) AS offer, p.id AS partner,
    CASE WHEN before.key IS NOT NULL THEN s.old_status END AS old_status,
    CASE WHEN after.key IS NOT NULL THEN s.status END AS status,
    CASE WHEN before.key IS NOT NULL THEN s.old_cost END AS old_cost,
    CASE WHEN after.key IS NOT NULL THEN s.cost END AS cost,
    CASE WHEN after.key IS NULL OR before.key IS NULL AND s.old_offer IS NOT NULL THEN 'move' ELSE s.cause END AS cause
FROM steps s
LEFT JOIN own before ON before.key = s.old_offer AND before.since <= s.since AND before.until > s.since
LEFT JOIN own after ON after.key = s.offer AND after.since <= s.since AND after.until > s.since
JOIN {schema}.partner p ON p.key = CASE WHEN after.key IS NOT NULL THEN s.partner ELSE s.old_partner END
WHERE s.since >= :end::timestamptz
    AND (
        after.wanted AND s.occurred_at >= :start::timestamptz AND s.occurred_at < :end::timestamptz
            AND s.partner IN (SELECT key FROM partners)
        OR before.wanted AND s.old_time >= :start::timestamptz AND s.old_time < :end::timestamptz
            AND s.old_partner IN (SELECT key FROM partners)
    )
ORDER BY s.since, s.id, s.until NULLS LAST
LIMIT :limit::bigint + 1

-- name: figures
-- The present figures of the day by offer and partner. Cost is in millionths.
SELECT o.id AS offer, p.id AS partner, b.cost, b.conversions, b.clicks, b.views
FROM own o
JOIN {schema}.by_day b ON b.offer = o.key AND b.bucket = (:start::timestamptz AT TIME ZONE 'UTC')::date
JOIN partners p ON p.key = b.partner
WHERE o.wanted AND o.until = 'infinity'
