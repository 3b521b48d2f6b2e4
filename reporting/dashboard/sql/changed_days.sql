-- A row for each UTC day in [first_day, end_day) on which anything was ever counted: when its figures last changed.
WITH
-- include: ../../query/sql/offers.sql
SELECT bucket AS day, max(changed_at) AS changed_at
FROM offers o
CROSS JOIN LATERAL (
    SELECT bucket, changed_at FROM {schema}.changed_day
    WHERE offer = o.key AND bucket >= :first_day::date AND bucket < :end_day::date
    OFFSET 0
) AS change_mark
GROUP BY bucket
