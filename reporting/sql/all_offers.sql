-- The advertiser's offers.
offers AS MATERIALIZED (
    SELECT * FROM {schema}.offer WHERE advertiser = :advertiser::uuid
)
