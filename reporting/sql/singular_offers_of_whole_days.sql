-- singular_offers.sql without a window function, which no parallel worker may evaluate.
offers AS (
    SELECT *, width_bucket(id, (
        SELECT array_agg(id ORDER BY id) FROM {schema}.offer
        WHERE advertiser = :advertiser::uuid AND (:offer::uuid IS NULL OR id = :offer::uuid)
    )) AS position
    FROM {schema}.offer
    WHERE advertiser = :advertiser::uuid AND (:offer::uuid IS NULL OR id = :offer::uuid)
)
