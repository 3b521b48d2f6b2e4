-- The lateral join uses the index, which starts with the advertiser.
DELETE FROM {schema}.singular_pull
WHERE id IN (
    SELECT p.id
    FROM {schema}.advertiser a
    CROSS JOIN LATERAL (SELECT id FROM {schema}.singular_pull WHERE advertiser = a.id AND at < :before) AS p
    LIMIT :chunk
)
