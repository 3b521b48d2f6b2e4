-- What the status of an advertiser says besides its context.

-- name: status
-- One row.
--   figures       differs as soon as a figure of the advertiser's does: versions only increase
--   earliest_day  the first UTC day with figures, or null
--   changed_at    when figures changed last, or null
--   events, …     when the last batch with an accepted record was received, or null
WITH
-- include: feed.sql
,
offers AS MATERIALIZED (
    SELECT key FROM {schema}.offer WHERE advertiser = :advertiser::uuid
),
marks AS MATERIALIZED (
    SELECT o.key, sum(m.version) AS version, max(m.changed_at) AS changed_at
    FROM offers o
    JOIN {schema}.changed_month m ON m.offer = o.key
    GROUP BY o.key
)
SELECT
    f.incarnation, f.xmin::text::bigint AS xmin,
    (SELECT string_agg(concat_ws(':', key, version), ',' ORDER BY key) FROM marks) AS figures,
    (
        SELECT min(first.bucket)
        FROM offers o
        CROSS JOIN LATERAL (
            SELECT bucket FROM {schema}.by_day
            WHERE offer = o.key AND (conversions <> 0 OR clicks <> 0 OR views <> 0 OR cost <> 0)
            ORDER BY bucket
            LIMIT 1
        ) AS first
    ) AS earliest_day,
    greatest(
        (SELECT max(changed_at) FROM marks),
        (
            SELECT max(moved_at) FROM {schema}.offer_move
            WHERE from_advertiser = :advertiser::uuid OR to_advertiser = :advertiser::uuid
        )
    ) AS changed_at,
    (
        SELECT received_at FROM {schema}.intake
        WHERE kind = 'conversions' AND accepted > 0 ORDER BY received_at DESC LIMIT 1
    ) AS conversions,
    (
        SELECT received_at FROM {schema}.intake
        WHERE kind = 'events' AND accepted > 0 ORDER BY received_at DESC LIMIT 1
    ) AS events,
    greatest(
        (
            SELECT received_at FROM {schema}.intake
            WHERE kind = 'offers' AND accepted > 0 ORDER BY received_at DESC LIMIT 1
        ),
        (
            SELECT received_at FROM {schema}.intake
            WHERE kind = 'partners' AND accepted > 0 ORDER BY received_at DESC LIMIT 1
        )
    ) AS catalogue
FROM feed f

-- name: lookback
-- The age in days by which :share of the changes to past days, by cost, had happened; null without such changes. Ages
-- are in UTC days. What an import changed does not count: it is history that was missing.
WITH change AS (
    SELECT
        (r.changed_at AT TIME ZONE 'UTC')::date - (r.bucket AT TIME ZONE 'UTC')::date AS age, sum(abs(r.cost)) AS cost
    FROM {schema}.offer o
    JOIN {schema}.restatement r ON r.offer = o.key
    WHERE o.advertiser = :advertiser::uuid AND r.changed_at >= :since::timestamptz AND r.cause <> 'import'
    GROUP BY age
    HAVING sum(abs(r.cost)) > 0
)
SELECT min(age)
FROM (SELECT age, sum(cost) OVER (ORDER BY age) AS running, sum(cost) OVER () AS total FROM change) AS ranked
WHERE running >= total * :share::numeric
