ON CONFLICT (offer, bucket, partner) DO UPDATE SET
    conversions = t.conversions + excluded.conversions,
    clicks = t.clicks + excluded.clicks,
    views = t.views + excluded.views,
    cost = t.cost + excluded.cost
