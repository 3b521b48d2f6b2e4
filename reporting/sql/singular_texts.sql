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
    ) AS after_partner
FROM offers
OFFSET 0
