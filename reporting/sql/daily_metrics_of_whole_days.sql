-- daily_metrics.sql for a range of whole days.
metrics AS (
    SELECT o.*, m.*
    FROM (
        -- include: singular_texts.sql
    ) AS o
    CROSS JOIN LATERAL (
        SELECT bucket AS day, partner, clicks, cost * 0.000001 AS cost
        FROM {schema}.by_day
        WHERE offer = o.key AND bucket >= :first_day::date AND bucket < :end_day::date
            AND (clicks <> 0 OR cost <> 0)
        OFFSET 0
    ) AS m
)
