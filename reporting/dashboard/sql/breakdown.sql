-- The totals of the cost report (a row with a null kind, and the number of rows), and the `top` offers and partners by
-- cost, then clicks.
WITH
-- include: ../../sql/offers.sql
,
-- include: ../../sql/metrics.sql
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
FROM groups g LEFT JOIN offers o ON o.key = g.offer LEFT JOIN {schema}.partner p ON p.key = g.partner
WHERE g.rank <= :top::bigint
ORDER BY kind, g.rank
