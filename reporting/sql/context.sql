-- One row: what reports depend on besides figures and names.
SELECT
    now() AS now, coalesce((SELECT final_after_days FROM {schema}.setting), 30) AS final_after_days,
    (SELECT received_at FROM {schema}.intake ORDER BY received_at DESC LIMIT 1) AS data_through,
    r.recorded_since, r.hours_since, r.incarnation,

-- name: advertiser
    a.time_zone, a.currency
FROM {schema}.advertiser a, {schema}.record_state r
WHERE a.id = :advertiser::uuid

-- name: tenant
    coalesce((SELECT time_zone FROM {schema}.setting), 'UTC') AS time_zone, :currency::text AS currency
FROM {schema}.record_state r
