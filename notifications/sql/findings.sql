-- What advertisers are told about. Only advertisers with users are looked at: those with somebody to tell.

-- name: advertisers
SELECT DISTINCT a.id, a.currency, a.time_zone
FROM {schema}.advertiser a JOIN {schema}.advertiser_login u ON u.advertiser = a.id
WHERE a.status = 'active' AND u.active AND u.password IS NOT NULL

-- name: expiring_keys
-- Keys that expire by :until, without those that were rotated and are not used any more.
SELECT t.advertiser, t.id, t.name, t.hint, t.created_at, t.expires_at, s.id IS NOT NULL AS rotated
FROM {schema}.api_token t LEFT JOIN {schema}.api_token s ON s.replaces = t.id
WHERE t.advertiser = ANY(:advertisers::uuid[]) AND t.revoked_at IS NULL
    AND t.expires_at > :now::timestamptz AND t.expires_at <= :until::timestamptz
    AND (s.id IS NULL OR t.last_used_at > s.created_at + interval '1 hour')

-- name: quiet
-- Advertisers without figures of today, and when their figures came in: by day, the time of its last change, but no later
-- than two days after it began, because later ones are corrections. Of 28 days until the last one with figures.
WITH last_day AS MATERIALIZED (
    SELECT o.advertiser, max(d.bucket) AS day
    FROM {schema}.offer o CROSS JOIN LATERAL (
        SELECT bucket FROM {schema}.changed_day
        WHERE offer = o.key AND bucket > :today::date - 21 ORDER BY bucket DESC LIMIT 1
    ) d
    WHERE o.advertiser = ANY(:advertisers::uuid[])
    GROUP BY o.advertiser
    HAVING max(d.bucket) < :today::date
), arrival AS (
    SELECT o.advertiser, l.day, max(least(d.changed_at, (d.bucket + 2)::timestamp AT TIME ZONE 'UTC')) AS at
    FROM last_day l
        JOIN {schema}.offer o ON o.advertiser = l.advertiser
        JOIN {schema}.changed_day d ON d.offer = o.key AND d.bucket > l.day - 28 AND d.bucket <= l.day
    GROUP BY o.advertiser, l.day, d.bucket
), pause AS (
    SELECT advertiser, day, at, at - lag(at) OVER (PARTITION BY advertiser ORDER BY at) AS length FROM arrival
)
SELECT advertiser, day, max(at) AS last_at, max(length) AS longest, count(*) AS days
FROM pause GROUP BY advertiser, day

-- name: cost_by_day
-- OFFSET 0, here and below: by the index of each offer, not by reading all roll-ups.
SELECT o.advertiser, d.bucket AS day, sum(d.cost)::bigint AS cost
FROM {schema}.offer o
    CROSS JOIN LATERAL (
        SELECT bucket, cost FROM {schema}.by_day WHERE offer = o.key AND bucket = ANY(:days::date[]) OFFSET 0
    ) d
WHERE o.advertiser = ANY(:advertisers::uuid[])
GROUP BY o.advertiser, d.bucket

-- name: cost_by_hour
SELECT o.advertiser, r.day, sum(b.cost)::bigint AS cost
FROM unnest(:days::date[], :starts::timestamptz[], :ends::timestamptz[]) AS r (day, starts_at, ends_at)
    CROSS JOIN {schema}.offer o
    CROSS JOIN LATERAL (
        SELECT cost FROM {schema}.by_hour
        WHERE offer = o.key AND bucket >= r.starts_at AND bucket < r.ends_at OFFSET 0
    ) b
WHERE o.advertiser = ANY(:advertisers::uuid[])
GROUP BY o.advertiser, r.day

-- name: cost_by_quarter
SELECT o.advertiser, r.day, sum(b.cost)::bigint AS cost
FROM unnest(:days::date[], :starts::timestamptz[], :ends::timestamptz[]) AS r (day, starts_at, ends_at)
    CROSS JOIN {schema}.offer o
    CROSS JOIN LATERAL (
        SELECT cost FROM {schema}.by_quarter
        WHERE offer = o.key AND bucket >= r.starts_at AND bucket < r.ends_at OFFSET 0
    ) b
WHERE o.advertiser = ANY(:advertisers::uuid[])
GROUP BY o.advertiser, r.day

-- name: final_days
-- Changes to final days, which are in UTC, in (:since, :until].
WITH day AS (
    SELECT o.advertiser, (r.bucket AT TIME ZONE 'UTC')::date AS day, sum(r.cost)::bigint AS cost,
        sum(r.conversions)::bigint AS conversions, sum(r.clicks)::bigint AS clicks, sum(r.views)::bigint AS views
    FROM {schema}.restatement r JOIN {schema}.offer o ON o.key = r.offer
    WHERE r.late AND r.changed_at > :since::timestamptz AND r.changed_at <= :until::timestamptz
        AND o.advertiser = ANY(:advertisers::uuid[])
    GROUP BY o.advertiser, 2
)
SELECT advertiser, count(*) AS days, min(day) AS first_day, max(day) AS last_day, sum(cost)::bigint AS cost,
    sum(conversions)::bigint AS conversions, sum(clicks)::bigint AS clicks, sum(views)::bigint AS views
FROM day
WHERE (cost, conversions, clicks, views) <> (0, 0, 0, 0)
GROUP BY advertiser

-- name: singular
-- For advertisers with Singular: the last successful request of the last 14 days, on how many of the four days until then
-- there was one, and the requests that failed since.
SELECT a.id AS advertiser, s.last_at, s.days, f.failed, f.first_at, f.failed_at, f.status
FROM {schema}.advertiser a
    CROSS JOIN LATERAL (
        SELECT max(at) AS last_at FROM {schema}.request_log
        WHERE advertiser = a.id AND endpoint LIKE '/api/v1/integrations/cost-report/singular/%'
            AND status IN (200, 304) AND at > :now::timestamptz - interval '14 days' AND at <= :now::timestamptz
    ) l
    CROSS JOIN LATERAL (
        SELECT l.last_at, count(DISTINCT (at AT TIME ZONE 'UTC')::date) AS days FROM {schema}.request_log
        WHERE advertiser = a.id AND endpoint LIKE '/api/v1/integrations/cost-report/singular/%'
            AND status IN (200, 304) AND at > l.last_at - interval '4 days' AND at <= l.last_at
    ) s
    CROSS JOIN LATERAL (
        SELECT count(*) AS failed, min(at) AS first_at, max(at) AS failed_at,
            (array_agg(status ORDER BY at DESC))[1] AS status
        FROM {schema}.request_log
        WHERE advertiser = a.id AND endpoint LIKE '/api/v1/integrations/cost-report/singular/%'
            AND status >= 400 AND status NOT IN (429, 499)
            AND at > coalesce(l.last_at, :now::timestamptz - interval '3 days') AND at <= :now::timestamptz
    ) f
WHERE a.id = ANY(:advertisers::uuid[]) AND a.singular_enabled AND (l.last_at IS NOT NULL OR f.failed > 0)
