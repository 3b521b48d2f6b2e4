-- Adds signed figures to the roll-ups: what conversions and corrections change.
WITH quarter AS (
    SELECT *
    FROM unnest(
        :offers::int[], :buckets::timestamptz[], :partners::int[],
        :conversions::int[], :clicks::int[], :views::int[], :costs::bigint[]
    ) AS u (offer, bucket, partner, conversions, clicks, views, cost)
),
-- include: rollups.sql
SELECT count(*) FROM quarter WHERE (SELECT count(*) FROM marked_months) >= 0
