BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;

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
    SELECT m.n, o.id AS offer_id, o.name AS offer_name, o.os, o.campaign_name, sum(m.conversions) AS conversions, sum(m.clicks) AS clicks, sum(m.views) AS views, sum(m.cost) AS cost
    FROM offers o
    CROSS JOIN LATERAL (
        SELECT n,  sum(conversions)::bigint AS conversions, sum(clicks)::bigint AS clicks, sum(views)::bigint AS views, sum(cost) AS cost
        FROM (
            SELECT
                coalesce(n, ($14::int[])[width_bucket(bucket, $15::date[])]) AS n, partner,
                sign * conversions AS conversions, sign * clicks AS clicks, sign * views AS views,
                sign * cost AS cost
            FROM unnest($16::int[], $17::date[], $18::date[], $19::bigint[])
                AS span (n, start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT bucket, NULL::integer AS partner, sum(conversions)::bigint AS conversions, sum(clicks)::bigint AS clicks, sum(views)::bigint AS views, sum(cost) AS cost
                FROM t_tenant.by_month
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end" AND (
                    $20::uuid[] IS NULL
                    OR partner IN (SELECT key FROM t_tenant.partner WHERE id = ANY($20::uuid[]))
                )
                GROUP BY bucket
            ) AS month
            UNION ALL
            SELECT
                coalesce(n, ($21::int[])[width_bucket(bucket, $22::date[])]), partner,
                sign * conversions, sign * clicks, sign * views, sign * cost
            FROM unnest($23::int[], $24::date[], $25::date[], $26::bigint[])
                AS span (n, start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT bucket, NULL::integer AS partner, sum(conversions)::bigint AS conversions, sum(clicks)::bigint AS clicks, sum(views)::bigint AS views, sum(cost) AS cost
                FROM t_tenant.by_day
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end" AND (
                    $20::uuid[] IS NULL
                    OR partner IN (SELECT key FROM t_tenant.partner WHERE id = ANY($20::uuid[]))
                )
                GROUP BY bucket
            ) AS day
            UNION ALL
            SELECT
                coalesce(n, ($27::int[])[width_bucket(bucket, $28::timestamptz[])]), partner,
                sign * conversions, sign * clicks, sign * views, sign * cost
            FROM unnest(
                $29::int[], $30::timestamptz[], $31::timestamptz[], $32::bigint[]
            ) AS span (n, start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT bucket, NULL::integer AS partner, sum(conversions)::bigint AS conversions, sum(clicks)::bigint AS clicks, sum(views)::bigint AS views, sum(cost) AS cost
                FROM t_tenant.by_hour
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end" AND (
                    $20::uuid[] IS NULL
                    OR partner IN (SELECT key FROM t_tenant.partner WHERE id = ANY($20::uuid[]))
                )
                GROUP BY bucket
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
                SELECT bucket, NULL::integer AS partner, sum(conversions)::bigint AS conversions, sum(clicks)::bigint AS clicks, sum(views)::bigint AS views, sum(cost) AS cost
                FROM t_tenant.by_quarter
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end" AND (
                    $20::uuid[] IS NULL
                    OR partner IN (SELECT key FROM t_tenant.partner WHERE id = ANY($20::uuid[]))
                )
                GROUP BY bucket
            ) AS quarter
        ) AS deltas
        GROUP BY n
        HAVING sum(conversions) <> 0 OR sum(clicks) <> 0 OR sum(views) <> 0 OR sum(cost) <> 0
    ) AS m
    GROUP BY GROUPING SETS ((m.n), (o.id, o.name, o.os, o.campaign_name))
    HAVING sum(m.conversions) <> 0 OR sum(m.clicks) <> 0 OR sum(m.views) <> 0 OR sum(m.cost) <> 0
    LIMIT $39::bigint
),
sums AS (
    SELECT
        coalesce(sum(conversions), 0) AS conversions, coalesce(sum(clicks), 0) AS clicks,
        coalesce(sum(views), 0) AS views, coalesce(sum(cost), 0) AS cost, count(*) AS grouped_rows
    FROM grouped
)
SELECT md5(concat_ws('|', $40::text, b.ends, coalesce(g.offer_id::text, ''), coalesce(g.os, ''), coalesce(to_json(g.campaign_name)::text, ''))) AS "id", b.day AS "day", g.offer_id AS "offerId", g.offer_name AS "offerName", g.os AS "os", g.campaign_name AS "campaign", trim_scale(coalesce(g.cost, 0) * 0.000001) AS "cost", coalesce(g.conversions, 0) AS "conversions", coalesce(g.clicks, 0) AS "clicks", coalesce(g.views, 0) AS "views", CASE WHEN g.conversions <> 0 THEN (div(g.cost, g.conversions) + CASE WHEN 2 * mod(g.cost, g.conversions) > g.conversions OR 2 * mod(g.cost, g.conversions) = g.conversions AND mod(div(g.cost, g.conversions), 2) = 1 THEN 1 ELSE 0 END) * 0.000001 END AS "costPerConversion", CASE WHEN g.clicks <> 0 THEN (div(g.conversions * 1000000::numeric, g.clicks) + CASE WHEN 2 * mod(g.conversions * 1000000::numeric, g.clicks) > g.clicks OR 2 * mod(g.conversions * 1000000::numeric, g.clicks) = g.clicks AND mod(div(g.conversions * 1000000::numeric, g.clicks), 2) = 1 THEN 1 ELSE 0 END) * 0.000001 END AS "conversionRate", b.state AS "state", g.n IS NOT NULL AS is_bucket, (SELECT count(*) FROM grouped WHERE n IS NULL) AS grouped_rows
FROM grouped g LEFT JOIN buckets b ON b.n = g.n
ORDER BY b.n, coalesce(g.cost, 0) DESC NULLS LAST, coalesce(g.clicks, 0) DESC NULLS LAST, b.day NULLS LAST, g.offer_name COLLATE "C" NULLS LAST, g.offer_id NULLS LAST, g.os COLLATE "C" NULLS LAST, g.campaign_name COLLATE "C" NULLS LAST
LIMIT $41::bigint;

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
    SELECT m.n, sum(m.conversions) AS conversions, sum(m.clicks) AS clicks, sum(m.views) AS views, sum(m.cost) AS cost
    FROM offers o
    CROSS JOIN LATERAL (
        SELECT n,  conversions, clicks, views, cost
        FROM (
            SELECT
                coalesce(n, ($14::int[])[width_bucket(bucket, $15::date[])]) AS n, partner,
                sign * conversions AS conversions, sign * clicks AS clicks, sign * views AS views,
                sign * cost AS cost
            FROM unnest($16::int[], $17::date[], $18::date[], $19::bigint[])
                AS span (n, start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT bucket, NULL::integer AS partner, sum(conversions)::bigint AS conversions, sum(clicks)::bigint AS clicks, sum(views)::bigint AS views, sum(cost) AS cost
                FROM t_tenant.by_month
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end" AND (
                    $20::uuid[] IS NULL
                    OR partner IN (SELECT key FROM t_tenant.partner WHERE id = ANY($20::uuid[]))
                )
                GROUP BY bucket
            ) AS month
            UNION ALL
            SELECT
                coalesce(n, ($21::int[])[width_bucket(bucket, $22::date[])]), partner,
                sign * conversions, sign * clicks, sign * views, sign * cost
            FROM unnest($23::int[], $24::date[], $25::date[], $26::bigint[])
                AS span (n, start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT bucket, NULL::integer AS partner, sum(conversions)::bigint AS conversions, sum(clicks)::bigint AS clicks, sum(views)::bigint AS views, sum(cost) AS cost
                FROM t_tenant.by_day
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end" AND (
                    $20::uuid[] IS NULL
                    OR partner IN (SELECT key FROM t_tenant.partner WHERE id = ANY($20::uuid[]))
                )
                GROUP BY bucket
            ) AS day
            UNION ALL
            SELECT
                coalesce(n, ($27::int[])[width_bucket(bucket, $28::timestamptz[])]), partner,
                sign * conversions, sign * clicks, sign * views, sign * cost
            FROM unnest(
                $29::int[], $30::timestamptz[], $31::timestamptz[], $32::bigint[]
            ) AS span (n, start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT bucket, NULL::integer AS partner, sum(conversions)::bigint AS conversions, sum(clicks)::bigint AS clicks, sum(views)::bigint AS views, sum(cost) AS cost
                FROM t_tenant.by_hour
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end" AND (
                    $20::uuid[] IS NULL
                    OR partner IN (SELECT key FROM t_tenant.partner WHERE id = ANY($20::uuid[]))
                )
                GROUP BY bucket
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
                SELECT bucket, NULL::integer AS partner, sum(conversions)::bigint AS conversions, sum(clicks)::bigint AS clicks, sum(views)::bigint AS views, sum(cost) AS cost
                FROM t_tenant.by_quarter
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end" AND (
                    $20::uuid[] IS NULL
                    OR partner IN (SELECT key FROM t_tenant.partner WHERE id = ANY($20::uuid[]))
                )
                GROUP BY bucket
            ) AS quarter
        ) AS deltas
    ) AS m
    GROUP BY m.n
    HAVING sum(m.conversions) <> 0 OR sum(m.clicks) <> 0 OR sum(m.views) <> 0 OR sum(m.cost) <> 0
    LIMIT $39::bigint
),
sums AS (
    SELECT
        coalesce(sum(conversions), 0) AS conversions, coalesce(sum(clicks), 0) AS clicks,
        coalesce(sum(views), 0) AS views, coalesce(sum(cost), 0) AS cost, count(*) AS grouped_rows
    FROM grouped
)
SELECT md5(concat_ws('|', $40::text, b.ends)) AS "id", b.day AS "day", trim_scale(coalesce(g.cost, 0) * 0.000001) AS "cost", coalesce(g.conversions, 0) AS "conversions", coalesce(g.clicks, 0) AS "clicks", coalesce(g.views, 0) AS "views", CASE WHEN g.conversions <> 0 THEN (div(g.cost, g.conversions) + CASE WHEN 2 * mod(g.cost, g.conversions) > g.conversions OR 2 * mod(g.cost, g.conversions) = g.conversions AND mod(div(g.cost, g.conversions), 2) = 1 THEN 1 ELSE 0 END) * 0.000001 END AS "costPerConversion", CASE WHEN g.clicks <> 0 THEN (div(g.conversions * 1000000::numeric, g.clicks) + CASE WHEN 2 * mod(g.conversions * 1000000::numeric, g.clicks) > g.clicks OR 2 * mod(g.conversions * 1000000::numeric, g.clicks) = g.clicks AND mod(div(g.conversions * 1000000::numeric, g.clicks), 2) = 1 THEN 1 ELSE 0 END) * 0.000001 END AS "conversionRate", b.state AS "state" FROM buckets b JOIN (SELECT * FROM grouped OFFSET 0) AS g ON g.n = b.n
ORDER BY b.day NULLS LAST
LIMIT $41::bigint;

WITH
offers AS MATERIALIZED (
    SELECT * FROM t_tenant.offer
    WHERE advertiser = $1::uuid
        AND ($2::uuid[] IS NULL OR id = ANY($2::uuid[]))
        AND ($3::text[] IS NULL OR os = ANY($3::text[]))
        AND ($4::text[] IS NULL OR app_name = ANY($4::text[]) OR store_id = ANY($4::text[]))
        AND ($5::text[] IS NULL OR campaign_name = ANY($5::text[]))
)
SELECT
    day, changed_at,
    changed_at >= (day + 2) AT TIME ZONE 'UTC' AND EXISTS (
        SELECT FROM offers o
        CROSS JOIN LATERAL (
            SELECT FROM t_tenant.restatement
            WHERE offer = o.key AND bucket >= day AT TIME ZONE 'UTC' AND bucket < (day + 1) AT TIME ZONE 'UTC'
                AND changed_at >= (day + 2) AT TIME ZONE 'UTC' AND cause <> 'import'
            LIMIT 1
        ) AS restatement
    ) AS restated
FROM (
    SELECT bucket AS day, max(changed_at) AS changed_at
    FROM offers o
    CROSS JOIN LATERAL (
        SELECT bucket, changed_at FROM t_tenant.changed_day
        WHERE offer = o.key AND bucket >= $6::date AND bucket < $7::date
        OFFSET 0
    ) AS change_mark
    GROUP BY bucket
) AS days;

COMMIT;
