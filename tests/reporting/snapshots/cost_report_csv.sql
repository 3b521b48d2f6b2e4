SELECT
    (SELECT received_at FROM t_tenant.intake ORDER BY received_at DESC LIMIT 1) AS data_through,
    (
        SELECT string_agg(concat_ws(':', o.key, o.version, (
            SELECT version FROM t_tenant.changed_month WHERE offer = o.key AND bucket = $1::date
        )), ',' ORDER BY o.key)
        FROM t_tenant.offer o
        WHERE o.advertiser = $2::uuid
    ) AS state,
    (SELECT sum(hashint8extended((key::bigint << 32) + version, 0)) FROM t_tenant.partner) AS names;

BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;

WITH
offers AS MATERIALIZED (
    SELECT * FROM t_tenant.offer WHERE advertiser = '00000000-0000-0000-0000-000000000000'::uuid
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
        OFFSET 0
    ) AS m
)
SELECT
    m.id AS "offerId", m.name AS "offerName", m.conversions AS "totalConversions", m.clicks AS "totalClicks",
    m.views AS "totalViews", trim_scale(m.cost) AS "revenue", p.name AS "publisherName"
FROM (SELECT * FROM metrics OFFSET 0) AS m JOIN t_tenant.partner p ON p.key = m.partner
ORDER BY m.name COLLATE "C", p.name COLLATE "C", m.id, p.id;

COMMIT;
