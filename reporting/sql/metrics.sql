-- A row for each (offer, partner) with a metric that is not zero. Cost is in currency units.
--
-- The range is the sum of bucket spans of months, days, hours and their quarters. A span with the sign -1 is subtracted.
-- Each offer is read separately (LATERAL, with OFFSET 0), so that PostgreSQL always uses the index of the roll-up.
metrics AS (
    SELECT o.*, o.key AS offer, m.*
    FROM offers o
    CROSS JOIN LATERAL (
        SELECT
            partner, sum(conversions)::bigint AS conversions, sum(clicks)::bigint AS clicks,
            sum(views)::bigint AS views, sum(cost) * 0.000001 AS cost
        FROM (
            SELECT
                partner, sign * conversions AS conversions, sign * clicks AS clicks, sign * views AS views,
                sign * cost AS cost
            FROM unnest(:month_starts::date[], :month_ends::date[], :month_signs::bigint[]) AS span (start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT * FROM {schema}.by_month
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
                OFFSET 0
            ) AS month
            UNION ALL
            SELECT partner, sign * conversions, sign * clicks, sign * views, sign * cost
            FROM unnest(:day_starts::date[], :day_ends::date[], :day_signs::bigint[]) AS span (start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT * FROM {schema}.by_day
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
                OFFSET 0
            ) AS day
            UNION ALL
            SELECT partner, sign * conversions, sign * clicks, sign * views, sign * cost
            FROM unnest(:hour_starts::timestamptz[], :hour_ends::timestamptz[], :hour_signs::bigint[])
                AS span (start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT * FROM {schema}.by_hour
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
                OFFSET 0
            ) AS hour
            UNION ALL
            SELECT partner, sign * conversions, sign * clicks, sign * views, sign * cost
            FROM unnest(:quarter_starts::timestamptz[], :quarter_ends::timestamptz[], :quarter_signs::bigint[])
                AS span (start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT * FROM {schema}.by_quarter
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
                OFFSET 0
            ) AS quarter
            -- as of: as_of_range.sql
        ) AS buckets
        GROUP BY partner
        HAVING sum(conversions) <> 0 OR sum(clicks) <> 0 OR sum(views) <> 0 OR sum(cost) <> 0
    ) AS m
)
