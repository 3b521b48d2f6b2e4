-- Adds signed figures to the roll-ups: what conversions and corrections change.
WITH quarter AS (
    SELECT offer, to_timestamp(seconds) AS bucket, partner, conversions, clicks, views, cost
    FROM
-- include: deltas.sql
),
-- include: rollups.sql
SELECT count(*) FROM quarter WHERE (SELECT count(*) FROM marked_months) >= 0
