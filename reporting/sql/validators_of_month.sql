-- validators.sql for all offers and one month, with the same result.
SELECT
    (SELECT received_at FROM {schema}.intake ORDER BY received_at DESC LIMIT 1) AS data_through,
    (
        SELECT string_agg(concat_ws(':', o.key, o.version, (
            SELECT version FROM {schema}.changed_month WHERE offer = o.key AND bucket = :month::date
        )), ',' ORDER BY o.key)
        FROM {schema}.offer o
        WHERE o.advertiser = :advertiser::uuid
    ) AS state,
    (SELECT sum(hashint8extended((key::bigint << 32) + version, 0)) FROM {schema}.partner) AS names
