-- The advertiser's offers, or the one that the filter names.
offers AS MATERIALIZED (
    SELECT * FROM {schema}.offer WHERE advertiser = :advertiser::uuid AND (:offer::uuid IS NULL OR id = :offer::uuid)
)
