WITH
offers AS MATERIALIZED (
    SELECT * FROM t_tenant.offer WHERE advertiser = $1::uuid AND ($2::uuid IS NULL OR id = $2::uuid)
)
,
validators AS (
    SELECT
        (SELECT received_at FROM t_tenant.intake ORDER BY received_at DESC LIMIT 1) AS data_through,
        (
            SELECT string_agg(concat_ws(':', o.key, o.version, (
                SELECT sum(version)
                FROM (
                    SELECT version
                    FROM unnest($3::date[], $4::date[]) AS span (start, "end")
                    CROSS JOIN LATERAL (
                        SELECT version FROM t_tenant.changed_month
                        WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
                        OFFSET 0
                    ) AS month
                    UNION ALL
                    SELECT version
                    FROM unnest($5::date[], $6::date[]) AS span (start, "end")
                    CROSS JOIN LATERAL (
                        SELECT version FROM t_tenant.changed_day
                        WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
                        OFFSET 0
                    ) AS day
                ) AS change_marks
            )), ',' ORDER BY o.key)
            FROM offers o
        ) AS state,
        (SELECT sum(hashint8extended((key::bigint << 32) + version, 0)) FROM t_tenant.partner) AS names
)
SELECT * FROM validators;

BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;

WITH
offers AS MATERIALIZED (
    SELECT * FROM t_tenant.offer WHERE advertiser = '00000000-0000-0000-0000-000000000000'::uuid AND (NULL::uuid IS NULL OR id = NULL::uuid)
)
,
metrics AS (
    SELECT o.*, o.key AS offer, m.*
    FROM offers o
    CROSS JOIN LATERAL (
        SELECT partner, conversions, clicks, views, cost * 0.000001 AS cost
        FROM t_tenant.by_month
        WHERE offer = o.key AND bucket = '2025-05-01'::date
            AND (conversions <> 0 OR clicks <> 0 OR views <> 0 OR cost <> 0)
        UNION ALL
        SELECT
            partner, sum(conversions)::bigint AS conversions, sum(clicks)::bigint AS clicks,
            sum(views)::bigint AS views, sum(cost) * 0.000001 AS cost
        FROM (
            SELECT
                partner, sign * conversions AS conversions, sign * clicks AS clicks, sign * views AS views,
                sign * cost AS cost
            FROM unnest('{}'::date[], '{}'::date[], '{}'::bigint[]) AS span (start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT * FROM t_tenant.by_month
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
                OFFSET 0
            ) AS month
            UNION ALL
            SELECT partner, sign * conversions, sign * clicks, sign * views, sign * cost
            FROM unnest('{}'::date[], '{}'::date[], '{}'::bigint[]) AS span (start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT * FROM t_tenant.by_day
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
                OFFSET 0
            ) AS day
            UNION ALL
            SELECT partner, sign * conversions, sign * clicks, sign * views, sign * cost
            FROM unnest('{}'::timestamptz[], '{}'::timestamptz[], '{}'::bigint[])
                AS span (start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT * FROM t_tenant.by_hour
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
                OFFSET 0
            ) AS hour
            UNION ALL
            SELECT partner, sign * conversions, sign * clicks, sign * views, sign * cost
            FROM unnest('{}'::timestamptz[], '{}'::timestamptz[], '{}'::bigint[])
                AS span (start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT * FROM t_tenant.by_quarter
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
                OFFSET 0
            ) AS quarter
        ) AS buckets
        WHERE '2025-05-01'::date IS NULL
        GROUP BY partner
        HAVING sum(conversions) <> 0 OR sum(clicks) <> 0 OR sum(views) <> 0 OR sum(cost) <> 0
    ) AS m
)
SELECT
    m.id AS "offerId", m.name AS "offerName", m.conversions AS "totalConversions", m.clicks AS "totalClicks",
    m.views AS "totalViews", trim_scale(m.cost) AS "revenue", p.name AS "publisherName"
FROM (SELECT * FROM metrics OFFSET 0) AS m JOIN t_tenant.partner p ON p.key = m.partner
ORDER BY m.name COLLATE "C", p.name COLLATE "C", m.id, p.id;

COMMIT;
