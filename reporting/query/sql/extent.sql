-- One row: the first and the last UTC day for which any of the offers has a row; null if there is none.
WITH
-- include: offers.sql
SELECT min(first) AS first, max(last) AS last
FROM offers o
CROSS JOIN LATERAL (
    SELECT
        (SELECT bucket FROM {schema}.by_day WHERE offer = o.key ORDER BY bucket LIMIT 1) AS first,
        (SELECT bucket FROM {schema}.by_day WHERE offer = o.key ORDER BY bucket DESC LIMIT 1) AS last
) AS extent_of_offer
