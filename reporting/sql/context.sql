-- One row: what reports of an advertiser depend on besides figures and names.
SELECT
    now() AS now, a.time_zone, a.currency,
    coalesce((SELECT final_after_days FROM {schema}.setting), 30) AS final_after_days,
    (SELECT received_at FROM {schema}.intake ORDER BY received_at DESC LIMIT 1) AS data_through,
    r.recorded_since, r.hours_since, r.incarnation
FROM {schema}.advertiser a, {schema}.record_state r
WHERE a.id = :advertiser::uuid
