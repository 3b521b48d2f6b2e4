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
