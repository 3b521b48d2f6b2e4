-- The advertiser's offers that the filters let through. A filter that is null lets all of them through.
offers AS MATERIALIZED (
    SELECT * FROM {schema}.offer
    WHERE advertiser = :advertiser::uuid
        AND (:offer_ids::uuid[] IS NULL OR id = ANY(:offer_ids::uuid[]))
        AND (:systems::text[] IS NULL OR os = ANY(:systems::text[]))
        AND (:apps::text[] IS NULL OR app_name = ANY(:apps::text[]) OR store_id = ANY(:apps::text[]))
        AND (:campaigns::text[] IS NULL OR campaign_name = ANY(:campaigns::text[]))
)
