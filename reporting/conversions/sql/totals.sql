-- Of the advertiser's conversions that match the filters: how many have each status, and what they cost as a Success.
SELECT c.status, count(*) AS conversions, sum(c.cost) * 0.000001 AS cost
FROM
-- include: matching.sql
GROUP BY c.status
