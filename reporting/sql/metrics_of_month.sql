-- metrics.sql for one month, the most frequent range: its rows as they are.
metrics AS (
    SELECT o.*, o.key AS offer, m.*
    FROM offers o
    CROSS JOIN LATERAL (
        SELECT partner, conversions, clicks, views, cost * 0.000001 AS cost
        FROM {schema}.by_month
        WHERE offer = o.key AND bucket = :month::date
            AND (conversions <> 0 OR clicks <> 0 OR views <> 0 OR cost <> 0)
        OFFSET 0
    ) AS m
)
