concat(
    '{"date":"', m.day,
    '","offer_name":', to_json(m.name),
    ',"partner_id":"', p.id,
    '","app":', coalesce(to_json(m.app_name)::text, 'null'),
    ',"store_id":', coalesce(to_json(m.store_id)::text, 'null'),
    ',"os":', coalesce(to_json(m.os)::text, 'null'),
    ',"campaign_name":', coalesce(to_json(m.campaign_name)::text, 'null'),
    ',"campaign_id":"', m.id,
    '","cost":', trim_scale(m.cost),
    ',"clicks":', m.clicks,
    '}'
)
