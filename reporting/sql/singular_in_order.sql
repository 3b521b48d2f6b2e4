-- By day, offer and partner: 11, 26 and 26 bits of one number. `position` orders partners by id.
FROM metrics m JOIN (
    SELECT key, id, width_bucket(id, (SELECT array_agg(id ORDER BY id) FROM {schema}.partner)) AS position
    FROM {schema}.partner
    OFFSET '0'
) AS p ON p.key = m.partner
ORDER BY ((m.day - :from_day::date)::bigint << 52) + (m.position::bigint << 26) + p.position
