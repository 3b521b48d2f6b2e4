SELECT
    now() AS now, coalesce((SELECT final_after_days FROM t_tenant.setting), 30) AS final_after_days,
    (SELECT received_at FROM t_tenant.intake ORDER BY received_at DESC LIMIT 1) AS data_through,
    r.recorded_since, r.hours_since, r.incarnation,
    a.time_zone, a.currency
FROM t_tenant.advertiser a, t_tenant.record_state r
WHERE a.id = $1::uuid;

WITH
offers AS MATERIALIZED (
    SELECT * FROM t_tenant.offer
    WHERE advertiser = $1::uuid
        AND ($2::uuid[] IS NULL OR id = ANY($2::uuid[]))
        AND ($3::text[] IS NULL OR os = ANY($3::text[]))
        AND ($4::text[] IS NULL OR app_name = ANY($4::text[]) OR store_id = ANY($4::text[]))
        AND ($5::text[] IS NULL OR campaign_name = ANY($5::text[]))
)
,
buckets AS (
    SELECT * FROM unnest(
        $6::int[], $7::text[], $8::text[], $9::date[], $10::date[], $11::date[],
        $12::text[], $13::boolean[]
    ) AS bucket (n, ends, hour, day, week, month, state, begun)
),
grouped AS (
    SELECT m.n, o.id AS offer_id, o.name AS offer_name, m.partner, m.conversions, m.clicks, m.views, m.cost
    FROM offers o
    CROSS JOIN LATERAL (
        SELECT n, partner, sum(conversions)::bigint AS conversions, sum(clicks)::bigint AS clicks, sum(views)::bigint AS views, sum(cost) AS cost
        FROM (
            SELECT
                coalesce(n, ($14::int[])[width_bucket(bucket, $15::date[])]) AS n, partner,
                sign * conversions AS conversions, sign * clicks AS clicks, sign * views AS views,
                sign * cost AS cost
            FROM unnest($16::int[], $17::date[], $18::date[], $19::bigint[])
                AS span (n, start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT bucket, partner, conversions, clicks, views, cost
                FROM t_tenant.by_month
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end" AND (
                    $20::uuid[] IS NULL
                    OR partner IN (SELECT key FROM t_tenant.partner WHERE id = ANY($20::uuid[]))
                )
                OFFSET 0
            ) AS month
            UNION ALL
            SELECT
                coalesce(n, ($21::int[])[width_bucket(bucket, $22::date[])]), partner,
                sign * conversions, sign * clicks, sign * views, sign * cost
            FROM unnest($23::int[], $24::date[], $25::date[], $26::bigint[])
                AS span (n, start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT bucket, partner, conversions, clicks, views, cost
                FROM t_tenant.by_day
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end" AND (
                    $20::uuid[] IS NULL
                    OR partner IN (SELECT key FROM t_tenant.partner WHERE id = ANY($20::uuid[]))
                )
                OFFSET 0
            ) AS day
            UNION ALL
            SELECT
                coalesce(n, ($27::int[])[width_bucket(bucket, $28::timestamptz[])]), partner,
                sign * conversions, sign * clicks, sign * views, sign * cost
            FROM unnest(
                $29::int[], $30::timestamptz[], $31::timestamptz[], $32::bigint[]
            ) AS span (n, start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT bucket, partner, conversions, clicks, views, cost
                FROM t_tenant.by_hour
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end" AND (
                    $20::uuid[] IS NULL
                    OR partner IN (SELECT key FROM t_tenant.partner WHERE id = ANY($20::uuid[]))
                )
                OFFSET 0
            ) AS hour
            UNION ALL
            SELECT
                coalesce(n, ($33::int[])[width_bucket(bucket, $34::timestamptz[])]), partner,
                sign * conversions, sign * clicks, sign * views, sign * cost
            FROM unnest(
                $35::int[], $36::timestamptz[], $37::timestamptz[],
                $38::bigint[]
            ) AS span (n, start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT bucket, partner, conversions, clicks, views, cost
                FROM t_tenant.by_quarter
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end" AND (
                    $20::uuid[] IS NULL
                    OR partner IN (SELECT key FROM t_tenant.partner WHERE id = ANY($20::uuid[]))
                )
                OFFSET 0
            ) AS quarter
        ) AS deltas
        GROUP BY n, partner
        HAVING sum(conversions) <> 0 OR sum(clicks) <> 0 OR sum(views) <> 0 OR sum(cost) <> 0
    ) AS m
    LIMIT $39::bigint
),
sums AS (
    SELECT
        coalesce(sum(conversions), 0) AS conversions, coalesce(sum(clicks), 0) AS clicks,
        coalesce(sum(views), 0) AS views, coalesce(sum(cost), 0) AS cost, count(*) AS grouped_rows
    FROM grouped
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
                    FROM unnest($40::date[], $41::date[]) AS span (start, "end")
                    CROSS JOIN LATERAL (
                        SELECT version FROM t_tenant.changed_month
                        WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
                        OFFSET 0
                    ) AS month
                    UNION ALL
                    SELECT version
                    FROM unnest($42::date[], $43::date[]) AS span (start, "end")
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
SELECT v.*, t.*, r.*,
now() AS snapshot_began, pg_current_snapshot()::text AS snapshot_transactions, clock_timestamp() AS snapshot_taken
FROM validators v, (SELECT grouped_rows, concat('{', '"cost":', coalesce((trim_scale(coalesce(g.cost, 0) * 0.000001))::text, 'null'), ',"conversions":', coalesce(g.conversions, 0), ',"clicks":', coalesce(g.clicks, 0), ',"views":', coalesce(g.views, 0), '}') AS totals FROM sums AS g) AS t, (
    SELECT count(*) AS rows, convert_to(string_agg(item, ','), 'UTF8') AS items
    FROM (SELECT concat('{', '"id":', '"', md5(concat_ws('|', $44::text, b.ends, coalesce(g.offer_id::text, ''), coalesce(p.id::text, ''))), '"', ',"day":', '"', b.day, '"', ',"offerId":', coalesce('"' || g.offer_id || '"', 'null'), ',"offerName":', coalesce(to_json(g.offer_name)::text, 'null'), ',"partnerId":', coalesce('"' || p.id || '"', 'null'), ',"partnerName":', coalesce(to_json(p.name)::text, 'null'), ',"cost":', coalesce((trim_scale(coalesce(g.cost, 0) * 0.000001))::text, 'null'), ',"conversions":', coalesce(g.conversions, 0), ',"clicks":', coalesce(g.clicks, 0), ',"views":', coalesce(g.views, 0), ',"state":', '"', b.state, '"', '}') AS item FROM buckets b JOIN (SELECT * FROM grouped OFFSET 0) AS g ON g.n = b.n
LEFT JOIN t_tenant.partner p ON p.key = g.partner
ORDER BY b.day NULLS LAST, g.offer_name COLLATE "C" NULLS LAST, g.offer_id NULLS LAST, p.name COLLATE "C" NULLS LAST, p.id NULLS LAST
LIMIT $45::bigint) AS item
) AS r;
