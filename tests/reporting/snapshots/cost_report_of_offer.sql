WITH
offers AS MATERIALIZED (
    SELECT * FROM t_tenant.offer WHERE advertiser = $1::uuid AND ($2::uuid IS NULL OR id = $2::uuid)
)
,
metrics AS (
    SELECT o.*, o.key AS offer, m.*
    FROM offers o
    CROSS JOIN LATERAL (
        SELECT
            partner, sum(conversions)::bigint AS conversions, sum(clicks)::bigint AS clicks,
            sum(views)::bigint AS views, sum(cost) * 0.000001 AS cost
        FROM (
            SELECT
                partner, sign * conversions AS conversions, sign * clicks AS clicks, sign * views AS views,
                sign * cost AS cost
            FROM unnest($3::date[], $4::date[], $5::bigint[]) AS span (start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT * FROM t_tenant.by_month
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
                OFFSET 0
            ) AS month
            UNION ALL
            SELECT partner, sign * conversions, sign * clicks, sign * views, sign * cost
            FROM unnest($6::date[], $7::date[], $8::bigint[]) AS span (start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT * FROM t_tenant.by_day
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
                OFFSET 0
            ) AS day
            UNION ALL
            SELECT partner, sign * conversions, sign * clicks, sign * views, sign * cost
            FROM unnest($9::timestamptz[], $10::timestamptz[], $11::bigint[])
                AS span (start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT * FROM t_tenant.by_hour
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
                OFFSET 0
            ) AS hour
            UNION ALL
            SELECT partner, sign * conversions, sign * clicks, sign * views, sign * cost
            FROM unnest($12::timestamptz[], $13::timestamptz[], $14::bigint[])
                AS span (start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT * FROM t_tenant.by_quarter
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
                OFFSET 0
            ) AS quarter
        ) AS buckets
        GROUP BY partner
        HAVING sum(conversions) <> 0 OR sum(clicks) <> 0 OR sum(views) <> 0 OR sum(cost) <> 0
    ) AS m
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
                    FROM unnest($15::date[], $16::date[]) AS span (start, "end")
                    CROSS JOIN LATERAL (
                        SELECT version FROM t_tenant.changed_month
                        WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
                        OFFSET 0
                    ) AS month
                    UNION ALL
                    SELECT version
                    FROM unnest($17::date[], $18::date[]) AS span (start, "end")
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
SELECT v.*, r.*
FROM validators v, (
    SELECT count(*) AS rows, convert_to(string_agg(
concat(
    '{"offerId":"', m.id,
    '","offerName":', to_json(m.name),
    ',"totalConversions":', m.conversions,
    ',"totalClicks":', m.clicks,
    ',"totalViews":', m.views,
    ',"revenue":', trim_scale(m.cost),
    ',"publisherName":', to_json(p.name),
    '}'
)
        , ',' ORDER BY m.name COLLATE "C", p.name COLLATE "C", m.id, p.id
    ), 'UTF8') AS items
    FROM (SELECT * FROM metrics LIMIT $19::bigint + 1) AS m JOIN t_tenant.partner p ON p.key = m.partner
) AS r;
