SELECT
    (SELECT received_at FROM t_tenant.intake ORDER BY received_at DESC LIMIT 1) AS data_through,
    (
        SELECT string_agg(concat_ws(':', o.key, o.version, (
            SELECT version FROM t_tenant.changed_month WHERE offer = o.key AND bucket = $1::date
        )), ',' ORDER BY o.key)
        FROM t_tenant.offer o
        WHERE o.advertiser = $2::uuid
    ) AS state,
    (SELECT sum(hashint8extended((key::bigint << 32) + version, 0)) FROM t_tenant.partner) AS names;
