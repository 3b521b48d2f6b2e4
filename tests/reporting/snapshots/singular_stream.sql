WITH
offers AS MATERIALIZED (
    SELECT * FROM t_tenant.offer WHERE advertiser = $1::uuid
)
,
validators AS (
    SELECT
        (SELECT received_at FROM t_tenant.intake ORDER BY received_at DESC LIMIT 1) AS data_through,
        (
            SELECT string_agg(concat_ws(':', o.key, o.version, (
                SELECT version FROM t_tenant.changed_month WHERE offer = o.key AND bucket = $2::date
            )), ',' ORDER BY o.key)
            FROM offers o
        ) AS state,
        (SELECT sum(hashint8extended((key::bigint << 32) + version, 0)) FROM t_tenant.partner) AS names
)
SELECT * FROM validators;

BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;

WITH
offers AS MATERIALIZED (
    SELECT *, row_number() OVER (ORDER BY id) AS position
    FROM t_tenant.offer
    WHERE advertiser = $1::uuid AND ($2::uuid IS NULL OR id = $2::uuid)
),
metrics AS (
    SELECT o.*, m.*
    FROM offers o
    CROSS JOIN LATERAL (
        SELECT bucket AS day, partner, clicks, cost * 0.000001 AS cost
        FROM t_tenant.by_day
        WHERE offer = o.key AND bucket >= $3::date AND bucket < $4::date
            AND (clicks <> 0 OR cost <> 0)
        UNION ALL
        SELECT (bucket AT TIME ZONE 'UTC')::date AS day, partner, sum(clicks), sum(cost) * 0.000001
        FROM unnest($5::timestamptz[], $6::timestamptz[]) AS span (start, "end")
        CROSS JOIN LATERAL (
            SELECT bucket, partner, clicks, cost FROM t_tenant.by_quarter
            WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
            OFFSET 0
        ) AS quarter
        GROUP BY 1, 2
        HAVING sum(clicks) <> 0 OR sum(cost) <> 0
        OFFSET 0
    ) AS m
)
SELECT
concat(
    '{"date":"', m.day,
    '","offer_name":', to_json(m.name),
    ',"partner_id":"', p.id,
    '","app":', coalesce(to_json(m.app_name)::text, 'null'),
    ',"store_id":', coalesce(to_json(m.store_id)::text, 'null'),
    ',"os":', coalesce(to_json(m.os)::text, 'null'),
    ',"campaign_name":', coalesce(to_json(m.campaign_name)::text, 'null'),
    ',"campaign_id":"', m.id,
    '","cost":', trim_scale(m.cost),
    ',"clicks":', m.clicks,
    '}'
)
FROM (SELECT * FROM metrics OFFSET 0) AS m JOIN t_tenant.partner p ON p.key = m.partner
ORDER BY (m.day - date '2000-01-01') * 4294967296 + m.position, p.id;

WITH
offers AS MATERIALIZED (
    SELECT * FROM t_tenant.offer WHERE advertiser = $1::uuid AND ($2::uuid IS NULL OR id = $2::uuid)
)
SELECT min(bucket)
FROM offers o
CROSS JOIN LATERAL (
    SELECT bucket FROM t_tenant.by_day
    WHERE offer = o.key AND bucket >= $3::date AND bucket < $4::date
    ORDER BY bucket
    LIMIT 1
) AS first_of_offer;

WITH
offers AS MATERIALIZED (
    SELECT *, row_number() OVER (ORDER BY id) AS position
    FROM t_tenant.offer
    WHERE advertiser = $1::uuid AND ($2::uuid IS NULL OR id = $2::uuid)
),
metrics AS (
    SELECT o.*, m.*
    FROM offers o
    CROSS JOIN LATERAL (
        SELECT bucket AS day, partner, clicks, cost * 0.000001 AS cost
        FROM t_tenant.by_day
        WHERE offer = o.key AND bucket >= $3::date AND bucket < $4::date
            AND (clicks <> 0 OR cost <> 0)
        UNION ALL
        SELECT (bucket AT TIME ZONE 'UTC')::date AS day, partner, sum(clicks), sum(cost) * 0.000001
        FROM unnest($5::timestamptz[], $6::timestamptz[]) AS span (start, "end")
        CROSS JOIN LATERAL (
            SELECT bucket, partner, clicks, cost FROM t_tenant.by_quarter
            WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
            OFFSET 0
        ) AS quarter
        GROUP BY 1, 2
        HAVING sum(clicks) <> 0 OR sum(cost) <> 0
        OFFSET 0
    ) AS m
)
SELECT
concat(
    '{"date":"', m.day,
    '","offer_name":', to_json(m.name),
    ',"partner_id":"', p.id,
    '","app":', coalesce(to_json(m.app_name)::text, 'null'),
    ',"store_id":', coalesce(to_json(m.store_id)::text, 'null'),
    ',"os":', coalesce(to_json(m.os)::text, 'null'),
    ',"campaign_name":', coalesce(to_json(m.campaign_name)::text, 'null'),
    ',"campaign_id":"', m.id,
    '","cost":', trim_scale(m.cost),
    ',"clicks":', m.clicks,
    '}'
)
FROM (SELECT * FROM metrics OFFSET 0) AS m JOIN t_tenant.partner p ON p.key = m.partner
ORDER BY (m.day - date '2000-01-01') * 4294967296 + m.position, p.id;

WITH
offers AS MATERIALIZED (
    SELECT *, row_number() OVER (ORDER BY id) AS position
    FROM t_tenant.offer
    WHERE advertiser = $1::uuid AND ($2::uuid IS NULL OR id = $2::uuid)
),
metrics AS (
    SELECT o.*, m.*
    FROM offers o
    CROSS JOIN LATERAL (
        SELECT bucket AS day, partner, clicks, cost * 0.000001 AS cost
        FROM t_tenant.by_day
        WHERE offer = o.key AND bucket >= $3::date AND bucket < $4::date
            AND (clicks <> 0 OR cost <> 0)
        UNION ALL
        SELECT (bucket AT TIME ZONE 'UTC')::date AS day, partner, sum(clicks), sum(cost) * 0.000001
        FROM unnest($5::timestamptz[], $6::timestamptz[]) AS span (start, "end")
        CROSS JOIN LATERAL (
            SELECT bucket, partner, clicks, cost FROM t_tenant.by_quarter
            WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
            OFFSET 0
        ) AS quarter
        GROUP BY 1, 2
        HAVING sum(clicks) <> 0 OR sum(cost) <> 0
        OFFSET 0
    ) AS m
)
SELECT
concat(
    '{"date":"', m.day,
    '","offer_name":', to_json(m.name),
    ',"partner_id":"', p.id,
    '","app":', coalesce(to_json(m.app_name)::text, 'null'),
    ',"store_id":', coalesce(to_json(m.store_id)::text, 'null'),
    ',"os":', coalesce(to_json(m.os)::text, 'null'),
    ',"campaign_name":', coalesce(to_json(m.campaign_name)::text, 'null'),
    ',"campaign_id":"', m.id,
    '","cost":', trim_scale(m.cost),
    ',"clicks":', m.clicks,
    '}'
)
FROM (SELECT * FROM metrics OFFSET 0) AS m JOIN t_tenant.partner p ON p.key = m.partner
ORDER BY (m.day - date '2000-01-01') * 4294967296 + m.position, p.id;

WITH
offers AS MATERIALIZED (
    SELECT * FROM t_tenant.offer WHERE advertiser = $1::uuid AND ($2::uuid IS NULL OR id = $2::uuid)
)
SELECT min(bucket)
FROM offers o
CROSS JOIN LATERAL (
    SELECT bucket FROM t_tenant.by_day
    WHERE offer = o.key AND bucket >= $3::date AND bucket < $4::date
    ORDER BY bucket
    LIMIT 1
) AS first_of_offer;

COMMIT;
