-- What the ETag is computed from: it differs as soon as anything that the report may show has changed.
--   data_through  time of the last batch; null before the first one
--   state         versions of the offers and of their figures in the range, to the day
--   names         changes with every partner's name
validators AS (
    SELECT
        (SELECT received_at FROM {schema}.intake ORDER BY received_at DESC LIMIT 1) AS data_through,
        (
            SELECT string_agg(concat_ws(':', o.key, o.version, (
                SELECT sum(version)
                FROM (
                    SELECT version
                    FROM unnest(:marked_month_starts::date[], :marked_month_ends::date[]) AS span (start, "end")
                    CROSS JOIN LATERAL (
                        SELECT version FROM {schema}.changed_month
                        WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
                        OFFSET 0
                    ) AS month
                    UNION ALL
                    SELECT version
                    FROM unnest(:marked_day_starts::date[], :marked_day_ends::date[]) AS span (start, "end")
                    CROSS JOIN LATERAL (
                        SELECT version FROM {schema}.changed_day
                        WHERE offer = o.key AND bucket >= span.start AND bucket < span."end"
                        OFFSET 0
                    ) AS day
                ) AS change_marks
            )), ',' ORDER BY o.key)
            FROM offers o
        ) AS state,
        (SELECT sum(hashint8extended((key::bigint << 32) + version, 0)) FROM {schema}.partner) AS names
)
