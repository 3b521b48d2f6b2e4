-- Whether anything was ever counted for one of the offers.
WITH
-- include: ../../query/sql/offers.sql
SELECT EXISTS (
    SELECT FROM offers o
    CROSS JOIN LATERAL (SELECT FROM {schema}.by_month WHERE offer = o.key LIMIT 1) AS month
)
