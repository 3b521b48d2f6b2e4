-- The figures of a query. `reporting.query.statements` replaces words in double angle brackets by fragments for the
-- groups, metrics and order of the query.
WITH
-- include: offers.sql
,
buckets AS (
    SELECT * FROM unnest(
        :numbers::int[], :bucket_ends::text[], :hours::text[], :days::date[], :weeks::date[], :months::date[],
        :states::text[], :begun::boolean[]
    ) AS bucket (n, ends, hour, day, week, month, state, begun)
),
-- A row for each time bucket (by its number `n`) and combination of the groups with a figure that is not zero. Cost is
-- in millionths. At most `max_rows`, unless that is null.
--
-- Each time bucket is the sum of bucket spans, as in the cost report (sql/metrics.sql). A span has the number of its
-- time bucket, or null if it is joined from spans of several ones (`reporting.query.buckets.span_parameters`). Each
-- offer is read separately, so that PostgreSQL always uses the index of the roll-up.
grouped AS (
    SELECT <<group columns>>, <<figures>>
    FROM offers o
    CROSS JOIN LATERAL (
        SELECT n, <<partner column>> <<figures of offer>>
        FROM (
            SELECT
                coalesce(n, (:month_numbers::int[])[width_bucket(bucket, :month_bounds::date[])]) AS n, partner,
                sign * conversions AS conversions, sign * clicks AS clicks, sign * views AS views,
                sign * cost AS cost
            FROM unnest(:month_buckets::int[], :month_starts::date[], :month_ends::date[], :month_signs::bigint[])
                AS span (n, start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT bucket, <<figures of bucket>>
                FROM {schema}.by_month
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end" AND <<of partners>>
                <<group by of bucket>>
            ) AS month
            UNION ALL
            SELECT
                coalesce(n, (:day_numbers::int[])[width_bucket(bucket, :day_bounds::date[])]), partner,
                sign * conversions, sign * clicks, sign * views, sign * cost
            FROM unnest(:day_buckets::int[], :day_starts::date[], :day_ends::date[], :day_signs::bigint[])
                AS span (n, start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT bucket, <<figures of bucket>>
                FROM {schema}.by_day
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end" AND <<of partners>>
                <<group by of bucket>>
            ) AS day
            UNION ALL
            SELECT
                coalesce(n, (:hour_numbers::int[])[width_bucket(bucket, :hour_bounds::timestamptz[])]), partner,
                sign * conversions, sign * clicks, sign * views, sign * cost
            FROM unnest(
                :hour_buckets::int[], :hour_starts::timestamptz[], :hour_ends::timestamptz[], :hour_signs::bigint[]
            ) AS span (n, start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT bucket, <<figures of bucket>>
                FROM {schema}.by_hour
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end" AND <<of partners>>
                <<group by of bucket>>
            ) AS hour
            UNION ALL
            SELECT
                coalesce(n, (:quarter_numbers::int[])[width_bucket(bucket, :quarter_bounds::timestamptz[])]), partner,
                sign * conversions, sign * clicks, sign * views, sign * cost
            FROM unnest(
                :quarter_buckets::int[], :quarter_starts::timestamptz[], :quarter_ends::timestamptz[],
                :quarter_signs::bigint[]
            ) AS span (n, start, "end", sign)
            CROSS JOIN LATERAL (
                SELECT bucket, <<figures of bucket>>
                FROM {schema}.by_quarter
                WHERE offer = o.key AND bucket >= span.start AND bucket < span."end" AND <<of partners>>
                <<group by of bucket>>
            ) AS quarter
            -- as of: as_of_buckets.sql
        ) AS deltas
        <<group by of offer>>
    ) AS m
    <<group by>>
    LIMIT :max_rows::bigint
),
-- The figures of all rows together, also of those beyond `limit`.
sums AS (
    SELECT
        coalesce(sum(conversions), 0) AS conversions, coalesce(sum(clicks), 0) AS clicks,
        coalesce(sum(views), 0) AS views, coalesce(sum(cost), 0) AS cost, count(*) AS grouped_rows
    FROM grouped
)

-- name: whole
-- One row, of one snapshot: the validators, the totals, how many rows there are, and the rows as the inside of a JSON
-- array in UTF-8. If `grouped_rows` is `max_rows`, there may be more, and the rest of the row is not the query's.
,
-- include: ../../sql/validators_cte.sql
SELECT v.*, t.*, r.*,
-- include: ../../sql/snapshot_columns.sql
FROM validators v, (SELECT grouped_rows, <<totals>> AS totals FROM sums AS g) AS t, (
    SELECT count(*) AS rows, convert_to(string_agg(item, ','), 'UTF8') AS items
    FROM (SELECT <<item>> AS item <<rows>>) AS item
) AS r

-- name: totals
-- One row: the totals as a JSON object, and the snapshot that they were read in.
SELECT <<totals>> AS totals,
-- include: ../../sql/snapshot_columns.sql
FROM sums AS g

-- name: items
-- The rows as JSON objects, for COPY.
SELECT concat(:before_item::text, <<item>>) <<rows>>

-- name: columns
-- The rows as columns.
SELECT <<columns>> <<rows>>

-- name: values
-- The rows as values. An hour is the number of its time bucket.
SELECT <<values>> <<rows>>

-- name: page
-- The rows as columns, each with the number of all rows, also of those beyond `limit`.
SELECT <<columns>>, (SELECT grouped_rows FROM sums) AS grouped_rows <<rows>>

-- name: chart_and_table
-- The chart and the table of a dashboard, from one pass over the roll-ups: first each time bucket with figures, in order of
-- time, then the rows of all groups but time, as columns, which have no time. Each has the number of all rows of the
-- table, also of those beyond `limit`, which counts both.
SELECT <<columns>>, g.n IS NOT NULL AS is_bucket, (SELECT count(*) FROM grouped WHERE n IS NULL) AS grouped_rows
<<rows>>
