-- One row: what decides whether a report as of an earlier time can be made. `moved`: whether an offer left the advertiser
-- in the day after that time.
SELECT
    now() AS now, a.time_zone, a.time_zone_since, r.recorded_since,
    EXISTS (
        SELECT FROM {schema}.offer_move
        WHERE from_advertiser = :advertiser::uuid AND moved_at >= :time::timestamptz
            AND moved_at < :time::timestamptz + interval '1 day'
    ) AS moved
FROM {schema}.advertiser a, {schema}.record_state r
WHERE a.id = :advertiser::uuid
