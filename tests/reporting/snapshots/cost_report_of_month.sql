WITH
offers AS MATERIALIZED (
    SELECT * FROM t_tenant.offer WHERE advertiser = $1::uuid
)
,
metrics AS (
    SELECT o.*, o.key AS offer, m.*
    FROM offers o
    CROSS JOIN LATERAL (
        SELECT partner, conversions, clicks, views, cost * 0.000001 AS cost
        FROM t_tenant.by_month
        WHERE offer = o.key AND bucket = $2::date
            AND (conversions <> 0 OR clicks <> 0 OR views <> 0 OR cost <> 0)
        OFFSET 0
    ) AS m
)
,
validators AS (
SELECT
    (SELECT received_at FROM t_tenant.intake ORDER BY received_at DESC LIMIT 1) AS data_through,
    (
        SELECT string_agg(concat_ws(':', o.key, o.version, (
            SELECT version FROM t_tenant.changed_month WHERE offer = o.key AND bucket = $2::date
        )), ',' ORDER BY o.key)
        FROM t_tenant.offer o
        WHERE o.advertiser = $1::uuid
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
    FROM (SELECT * FROM metrics LIMIT $3::bigint + 1) AS m JOIN t_tenant.partner p ON p.key = m.partner
) AS r;
