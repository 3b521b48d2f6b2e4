-- The advertiser's conversions that match the filters: a FROM clause.
{schema}.conversion c
JOIN {schema}.offer o ON o.key = c.offer AND o.advertiser = :advertiser::uuid
JOIN {schema}.partner p ON p.key = c.partner AND
    -- include: filters.sql
