-- The UTC days whose figures changed since :since and 24 hours or more after they had ended, newest change first, for the
-- offers that are the advertiser's now: by how much they changed since :since. Cost is in millionths. Imports of history
-- do not count: they fill days that had no data. :limit is null for all days.
WITH partners AS MATERIALIZED (
    SELECT key FROM {schema}.partner WHERE :partners::uuid[] IS NULL OR id = ANY(:partners::uuid[])
)
SELECT
    r.day, max(r.changed_at) AS changed_at, sum(r.cost) AS cost, sum(r.conversions) AS conversions, sum(r.clicks) AS clicks,
    sum(r.views) AS views, bool_or(r.late) AS late, array_agg(DISTINCT r.cause ORDER BY r.cause) AS causes
FROM {schema}.offer o
CROSS JOIN LATERAL (
    SELECT *, (bucket AT TIME ZONE 'UTC')::date AS day
    FROM {schema}.restatement
    WHERE offer = o.key AND changed_at >= :since::timestamptz
        AND changed_at >= date_trunc('day', bucket, 'UTC') + interval '1 day'
        AND cause <> 'import' AND (:partners::uuid[] IS NULL OR partner IN (SELECT key FROM partners))
    OFFSET 0
) AS r
WHERE o.advertiser = :advertiser::uuid AND (:offers::uuid[] IS NULL OR o.id = ANY(:offers::uuid[]))
GROUP BY r.day
HAVING max(r.changed_at) >= (r.day + 2) AT TIME ZONE 'UTC'
ORDER BY max(r.changed_at) DESC, r.day DESC
LIMIT :limit::bigint + 1
