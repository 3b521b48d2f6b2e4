-- A row for each (UTC day, offer, partner) with cost or clicks. Cost is in currency units.
--
-- Whole days come from the daily roll-up. A first or last day that is only partly in the range is summed up from its
-- quarters of an hour.
metrics AS (
    SELECT o.*, m.*
    FROM (
        -- The texts are made once for each offer.
        -- include: singular_texts.sql
    ) AS o
    CROSS JOIN LATERAL (
        -- as of: as_of_days_begin.sql
        SELECT bucket AS day, partner, clicks, cost * 0.000001 AS cost
        FROM {schema}.by_day
        WHERE offer = o.key AND bucket >= :first_day::date AND bucket < :end_day::date
            AND (clicks <> 0 OR cost <> 0)
        UNION ALL
        SELECT (bucket AT TIME ZONE 'UTC')::date AS day, partner, sum(clicks), sum(cost) * 0.000001
        FROM unnest(:quarter_starts::timestamptz[], :quarter_ends::timestamptz[]) AS span (start, "end")
        CROSS JOIN LATERAL (
            SELECT bucket, partner, clicks, cost FROM {schema}.by_quarter
            WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
            OFFSET 0
        ) AS quarter
        GROUP BY 1, 2
        HAVING sum(clicks) <> 0 OR sum(cost) <> 0
        -- as of: as_of_days_end.sql
        OFFSET 0
    ) AS m
)
