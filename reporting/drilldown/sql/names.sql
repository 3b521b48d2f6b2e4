-- The names of the offers and partners that a page shows.

-- name: offers
-- Those of the advertiser. `shared`: another offer of the advertiser has the same name, OS and campaign.
WITH shown AS MATERIALIZED (
    SELECT id, name, os, campaign_name AS campaign
    FROM {schema}.offer
    WHERE id = ANY(:offers::uuid[]) AND advertiser = :advertiser::uuid
),
shared AS MATERIALIZED (
    SELECT name, os, campaign_name AS campaign
    FROM {schema}.offer
    WHERE advertiser = :advertiser::uuid AND name = ANY(ARRAY(SELECT name FROM shown))
    GROUP BY name, os, campaign_name
    HAVING count(*) > 1
)
SELECT
    shown.*,
    EXISTS (
        SELECT FROM shared
        WHERE shared.name = shown.name AND shared.os IS NOT DISTINCT FROM shown.os
            AND shared.campaign IS NOT DISTINCT FROM shown.campaign
    ) AS shared
FROM shown

-- name: partners
SELECT id, name FROM {schema}.partner WHERE id = ANY(:partners::uuid[])
