-- Options of a dashboard's filters, in order of their names: at most `most`, among them the chosen one.

-- name: offers
-- Those of the advertiser; without one, of all advertisers: then only the chosen offer.
SELECT * FROM (
    SELECT id, name, os, campaign_name AS campaign
    FROM {schema}.offer
    WHERE advertiser = :advertiser::text::uuid OR :advertiser::text IS NULL AND id = :chosen::text::uuid
    ORDER BY id IS DISTINCT FROM :chosen::text::uuid, name, os, campaign_name, id
    LIMIT :most::bigint
) AS options
ORDER BY name, os, campaign, id

-- name: partners
-- Those that appear in the advertiser's figures.
SELECT * FROM (
    SELECT id, name
    FROM {schema}.partner
    WHERE key IN (
        SELECT month.partner
        FROM {schema}.offer o
        CROSS JOIN LATERAL (SELECT partner FROM {schema}.by_month WHERE offer = o.key OFFSET 0) AS month
        WHERE o.advertiser = :advertiser::text::uuid
    )
    ORDER BY id IS DISTINCT FROM :chosen::text::uuid, name, id
    LIMIT :most::bigint
) AS options
ORDER BY name, id

-- name: all_partners
SELECT * FROM (
    SELECT id, name FROM {schema}.partner
    ORDER BY id IS DISTINCT FROM :chosen::text::uuid, name, id
    LIMIT :most::bigint
) AS options
ORDER BY name, id

-- name: advertisers
-- Those with the currency.
SELECT * FROM (
    SELECT id, name FROM {schema}.advertiser
    WHERE currency = :currency::text
    ORDER BY id IS DISTINCT FROM :chosen::text::uuid, name, id
    LIMIT :most::bigint
) AS options
ORDER BY name, id
