-- A row for each UTC day in [first_day, end_day) on which anything was ever counted: when its figures last changed, and
-- whether it is restated: the log has a change 24 hours or more after the day had ended that was not an import of history.
WITH
-- include: ../../query/sql/offers.sql
SELECT
    day, changed_at,
    changed_at >= (day + 2) AT TIME ZONE 'UTC' AND EXISTS (
        SELECT FROM offers o
        CROSS JOIN LATERAL (
            SELECT FROM {schema}.restatement
            WHERE offer = o.key AND bucket >= day AT TIME ZONE 'UTC' AND bucket < (day + 1) AT TIME ZONE 'UTC'
                AND changed_at >= (day + 2) AT TIME ZONE 'UTC' AND cause <> 'import'
            LIMIT 1
        ) AS restatement
    ) AS restated
FROM (
    SELECT bucket AS day, max(changed_at) AS changed_at
    FROM offers o
    CROSS JOIN LATERAL (
        SELECT bucket, changed_at FROM {schema}.changed_day
        WHERE offer = o.key AND bucket >= :first_day::date AND bucket < :end_day::date
        OFFSET 0
    ) AS change_mark
    GROUP BY bucket
) AS days
