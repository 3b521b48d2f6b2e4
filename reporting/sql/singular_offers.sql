-- The advertiser's offers, or the one that the filter names. `position` orders them by id: day and position are sorted
-- as one number, which is faster than a date and a UUID.
offers AS MATERIALIZED (
    SELECT *, row_number() OVER (ORDER BY id) AS position
    FROM {schema}.offer
    WHERE advertiser = :advertiser::uuid AND (:offer::uuid IS NULL OR id = :offer::uuid)
)
