-- daily_metrics.sql for a range of whole days. Parallel workers can divide the offers among themselves, which LATERAL
-- prevents; = ANY has PostgreSQL read each offer separately too, with the index of the roll-up.
metrics AS (
    SELECT o.*, bucket AS day, partner, clicks, by_day.cost * 0.000001 AS cost
    FROM (
        -- include: singular_texts.sql
    ) AS o
    JOIN {schema}.by_day ON by_day.offer = ANY (ARRAY[o.key])
    WHERE bucket >= :first_day::date AND bucket < :end_day::date AND (clicks <> 0 OR by_day.cost <> 0)
)
