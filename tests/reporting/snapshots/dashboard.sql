BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;

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

WITH
offers AS MATERIALIZED (
    SELECT * FROM t_tenant.offer WHERE advertiser = $1::uuid AND ($2::uuid IS NULL OR id = $2::uuid)
)
,
metrics AS (
    SELECT o.*, o.key AS offer, m.*
    FROM offers o
    CROSS JOIN LATERAL (
        SELECT partner, conversions, clicks, views, cost * 0.000001 AS cost
        FROM t_tenant.by_month
        WHERE offer = o.key AND bucket = $3::date
            AND (conversions <> 0 OR clicks <> 0 OR views <> 0 OR cost <> 0)
        UNION ALL
        SELECT
            partner, sum(conversions)::bigint AS conversions, sum(clicks)::bigint AS clicks,
            sum(views)::bigint AS views, sum(cost) * 0.000001 AS cost
        FROM (
            SELECT
                partner, sign * conversions AS conversions, sign * clicks AS clicks, sign * views AS views,
                sign * cost AS cost
            FROM unnest($4::date[], $5::date[], $6::bigint[]) AS span (start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT * FROM t_tenant.by_month
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
                OFFSET 0
            ) AS month
            UNION ALL
            SELECT partner, sign * conversions, sign * clicks, sign * views, sign * cost
            FROM unnest($7::date[], $8::date[], $9::bigint[]) AS span (start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT * FROM t_tenant.by_day
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
                OFFSET 0
            ) AS day
            UNION ALL
            SELECT partner, sign * conversions, sign * clicks, sign * views, sign * cost
            FROM unnest($10::timestamptz[], $11::timestamptz[], $12::bigint[])
                AS span (start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT * FROM t_tenant.by_hour
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
                OFFSET 0
            ) AS hour
            UNION ALL
            SELECT partner, sign * conversions, sign * clicks, sign * views, sign * cost
            FROM unnest($13::timestamptz[], $14::timestamptz[], $15::bigint[])
                AS span (start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT * FROM t_tenant.by_quarter
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
                OFFSET 0
            ) AS quarter
        ) AS buckets
        WHERE $3::date IS NULL
        GROUP BY partner
        HAVING sum(conversions) <> 0 OR sum(clicks) <> 0 OR sum(views) <> 0 OR sum(cost) <> 0
    ) AS m
)
SELECT
    m.id AS "offerId", m.name AS "offerName", m.conversions AS "totalConversions", m.clicks AS "totalClicks",
    m.views AS "totalViews", trim_scale(m.cost) AS "revenue", p.name AS "publisherName"
FROM (SELECT * FROM metrics OFFSET 0) AS m JOIN t_tenant.partner p ON p.key = m.partner
ORDER BY m.name COLLATE "C", p.name COLLATE "C", m.id, p.id LIMIT 500;

WITH
offers AS MATERIALIZED (
    SELECT * FROM t_tenant.offer WHERE advertiser = $1::uuid AND ($2::uuid IS NULL OR id = $2::uuid)
)
,
metrics AS (
    SELECT o.*, o.key AS offer, m.*
    FROM offers o
    CROSS JOIN LATERAL (
        SELECT partner, conversions, clicks, views, cost * 0.000001 AS cost
        FROM t_tenant.by_month
        WHERE offer = o.key AND bucket = $3::date
            AND (conversions <> 0 OR clicks <> 0 OR views <> 0 OR cost <> 0)
        UNION ALL
        SELECT
            partner, sum(conversions)::bigint AS conversions, sum(clicks)::bigint AS clicks,
            sum(views)::bigint AS views, sum(cost) * 0.000001 AS cost
        FROM (
            SELECT
                partner, sign * conversions AS conversions, sign * clicks AS clicks, sign * views AS views,
                sign * cost AS cost
            FROM unnest($4::date[], $5::date[], $6::bigint[]) AS span (start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT * FROM t_tenant.by_month
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
                OFFSET 0
            ) AS month
            UNION ALL
            SELECT partner, sign * conversions, sign * clicks, sign * views, sign * cost
            FROM unnest($7::date[], $8::date[], $9::bigint[]) AS span (start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT * FROM t_tenant.by_day
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
                OFFSET 0
            ) AS day
            UNION ALL
            SELECT partner, sign * conversions, sign * clicks, sign * views, sign * cost
            FROM unnest($10::timestamptz[], $11::timestamptz[], $12::bigint[])
                AS span (start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT * FROM t_tenant.by_hour
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
                OFFSET 0
            ) AS hour
            UNION ALL
            SELECT partner, sign * conversions, sign * clicks, sign * views, sign * cost
            FROM unnest($13::timestamptz[], $14::timestamptz[], $15::bigint[])
                AS span (start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT * FROM t_tenant.by_quarter
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
                OFFSET 0
            ) AS quarter
        ) AS buckets
        WHERE $3::date IS NULL
        GROUP BY partner
        HAVING sum(conversions) <> 0 OR sum(clicks) <> 0 OR sum(views) <> 0 OR sum(cost) <> 0
    ) AS m
)
,
groups AS (
    SELECT
        offer, partner, count(*) AS rows, sum(conversions)::bigint AS conversions, sum(clicks)::bigint AS clicks,
        sum(views)::bigint AS views, trim_scale(sum(cost)) AS cost,
        row_number() OVER (
            PARTITION BY grouping(offer, partner) ORDER BY sum(cost) DESC, sum(clicks) DESC, offer, partner
        ) AS rank
    FROM metrics
    GROUP BY GROUPING SETS ((), (offer), (partner))
)
SELECT
    CASE WHEN g.offer IS NOT NULL THEN 'offer' WHEN g.partner IS NOT NULL THEN 'partner' END AS kind,
    coalesce(o.id, p.id) AS id, coalesce(o.name, p.name) AS name, o.os, o.campaign_name AS campaign,
    coalesce(g.cost, 0) AS cost, coalesce(g.conversions, 0) AS conversions, coalesce(g.clicks, 0) AS clicks,
    coalesce(g.views, 0) AS views, g.rows
FROM groups g LEFT JOIN offers o ON o.key = g.offer LEFT JOIN t_tenant.partner p ON p.key = g.partner
WHERE g.rank <= $16::bigint
ORDER BY kind, g.rank;

WITH
offers AS MATERIALIZED (
    SELECT * FROM t_tenant.offer WHERE advertiser = $1::uuid AND ($2::uuid IS NULL OR id = $2::uuid)
)
,
metrics AS (
    SELECT o.*, o.key AS offer, m.*
    FROM offers o
    CROSS JOIN LATERAL (
        SELECT partner, conversions, clicks, views, cost * 0.000001 AS cost
        FROM t_tenant.by_month
        WHERE offer = o.key AND bucket = $3::date
            AND (conversions <> 0 OR clicks <> 0 OR views <> 0 OR cost <> 0)
        UNION ALL
        SELECT
            partner, sum(conversions)::bigint AS conversions, sum(clicks)::bigint AS clicks,
            sum(views)::bigint AS views, sum(cost) * 0.000001 AS cost
        FROM (
            SELECT
                partner, sign * conversions AS conversions, sign * clicks AS clicks, sign * views AS views,
                sign * cost AS cost
            FROM unnest($4::date[], $5::date[], $6::bigint[]) AS span (start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT * FROM t_tenant.by_month
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
                OFFSET 0
            ) AS month
            UNION ALL
            SELECT partner, sign * conversions, sign * clicks, sign * views, sign * cost
            FROM unnest($7::date[], $8::date[], $9::bigint[]) AS span (start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT * FROM t_tenant.by_day
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
                OFFSET 0
            ) AS day
            UNION ALL
            SELECT partner, sign * conversions, sign * clicks, sign * views, sign * cost
            FROM unnest($10::timestamptz[], $11::timestamptz[], $12::bigint[])
                AS span (start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT * FROM t_tenant.by_hour
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
                OFFSET 0
            ) AS hour
            UNION ALL
            SELECT partner, sign * conversions, sign * clicks, sign * views, sign * cost
            FROM unnest($13::timestamptz[], $14::timestamptz[], $15::bigint[])
                AS span (start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT * FROM t_tenant.by_quarter
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
                OFFSET 0
            ) AS quarter
        ) AS buckets
        WHERE $3::date IS NULL
        GROUP BY partner
        HAVING sum(conversions) <> 0 OR sum(clicks) <> 0 OR sum(views) <> 0 OR sum(cost) <> 0
    ) AS m
)
SELECT
    coalesce(trim_scale(sum(cost)), 0) AS cost, coalesce(sum(conversions), 0)::bigint AS conversions,
    coalesce(sum(clicks), 0)::bigint AS clicks, coalesce(sum(views), 0)::bigint AS views
FROM metrics;

WITH
offers AS MATERIALIZED (
    SELECT * FROM t_tenant.offer WHERE advertiser = $1::uuid AND ($2::uuid IS NULL OR id = $2::uuid)
)
,
metrics AS (
    SELECT
        bucket, trim_scale(sum(cost) * 0.000001) AS cost, sum(conversions)::bigint AS conversions,
        sum(clicks)::bigint AS clicks, sum(views)::bigint AS views
    FROM offers o
    CROSS JOIN LATERAL (
        SELECT * FROM t_tenant.by_day
        WHERE offer = o.key AND bucket >= $3::date AND bucket < $4::date
        OFFSET 0
    ) AS day
    GROUP BY bucket
),
changes AS (
    SELECT bucket, max(changed_at) AS changed_at
    FROM offers o
    CROSS JOIN LATERAL (
        SELECT * FROM t_tenant.changed_day
        WHERE offer = o.key AND bucket >= $3::date AND bucket < $4::date
        OFFSET 0
    ) AS change_mark
    GROUP BY bucket
)
SELECT bucket AS day, cost, conversions, clicks, views, changed_at FROM metrics LEFT JOIN changes USING (bucket);

COMMIT;
