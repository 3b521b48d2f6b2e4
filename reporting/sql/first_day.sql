-- One row: the first day in [first_day, end_day) for which any of the advertiser's offers has a row, or null.
WITH
-- include: offers.sql
SELECT min(bucket)
FROM offers o
CROSS JOIN LATERAL (
    SELECT bucket FROM {schema}.by_day
    WHERE offer = o.key AND bucket >= :first_day::date AND bucket < :end_day::date
    ORDER BY bucket
    LIMIT 1
) AS first_of_offer
