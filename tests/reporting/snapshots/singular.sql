WITH
offers AS (
    SELECT *, width_bucket(id, (
        SELECT array_agg(id ORDER BY id) FROM t_tenant.offer
        WHERE advertiser = $1::uuid AND ($2::uuid IS NULL OR id = $2::uuid)
    )) AS position
    FROM t_tenant.offer
    WHERE advertiser = $1::uuid AND ($2::uuid IS NULL OR id = $2::uuid)
)
,
metrics AS (
    SELECT o.*, bucket AS day, partner, clicks, by_day.cost * 0.000001 AS cost
    FROM (
SELECT
    *,
    concat('","offer_name":', to_json(name), ',"partner_id":"') AS before_partner,
    concat(
        '","app":', coalesce(to_json(app_name)::text, 'null'),
        ',"store_id":', coalesce(to_json(store_id)::text, 'null'),
        ',"os":', coalesce(to_json(os)::text, 'null'),
        ',"campaign_name":', coalesce(to_json(campaign_name)::text, 'null'),
        ',"campaign_id":"', id,
        '","cost":'
    ) AS after_partner,
    concat(
        ',', CASE WHEN name ~ '[",\r\n]' THEN concat('"', replace(name, '"', '""'), '"') ELSE name END, ','
    ) AS csv_before_partner,
    concat(
        ',',
        CASE WHEN app_name ~ '^$|[",\r\n]' THEN concat('"', replace(app_name, '"', '""'), '"') ELSE app_name END, ',',
        CASE WHEN store_id ~ '^$|[",\r\n]' THEN concat('"', replace(store_id, '"', '""'), '"') ELSE store_id END, ',',
        os, ',',
        CASE
            WHEN campaign_name ~ '^$|[",\r\n]' THEN concat('"', replace(campaign_name, '"', '""'), '"')
            ELSE campaign_name
        END, ',',
        id, ','
    ) AS csv_after_partner
FROM offers
OFFSET '0'
    ) AS o
    JOIN t_tenant.by_day ON by_day.offer = ANY (ARRAY[o.key])
    WHERE bucket >= $3::date AND bucket < $4::date AND (clicks <> 0 OR by_day.cost <> 0)
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
                    FROM unnest($5::date[], $6::date[]) AS span (start, "end")
                    CROSS JOIN LATERAL (
                        SELECT version FROM t_tenant.changed_month
                        WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
                        OFFSET 0
                    ) AS month
                    UNION ALL
                    SELECT version
                    FROM unnest($7::date[], $8::date[]) AS span (start, "end")
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
    '{"date":"', m.day, m.before_partner, p.id, m.after_partner, trim_scale(m.cost), ',"clicks":', m.clicks, '}'
)
        , ',' ORDER BY (m.day - $9::date) * 4294967296 + m.position, p.id
    ), 'UTF8') AS items
    FROM (SELECT * FROM metrics LIMIT $10::bigint + 1) AS m JOIN t_tenant.partner p ON p.key = m.partner
) AS r;
