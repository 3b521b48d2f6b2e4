-- Adds the rows of the common table expression `quarter` to the roll-ups, marks the days and months that changed, and logs
-- what changes days that have ended.
-- `quarter` has each offer, bucket (start of a quarter of an hour, UTC) and partner once, with signed figures.
--
-- Lock order: every transaction locks rows in the order of these tables and, within a table, of the key. Transactions
-- that touch the same rows therefore wait for each other, and never deadlock. PostgreSQL does not define the order of
-- the data-modifying parts of one statement, but each part is complete before its RETURNING rows are counted. So each
-- part has a condition, always true, that counts the rows of the part before it. `rollups_on_cluster.sql` is the same for a
-- cluster.
--
-- Change marks: a version only rises, in the transaction that changes the figures, so equal sums of versions mean equal
-- figures. `changed_at` never goes back, even if an earlier batch commits after a later one. `xid` is the transaction that
-- changed the bucket last: change feeds skip nothing, whatever the order of commits. That of a month is not below that of one
-- of its days, also if the earlier of two transactions changes the month last.
--
-- The log of restatements starts 15 minutes before a day ends, in UTC or in the advertiser's time zone. So it is complete
-- for every day that had ended at the time of a report's snapshot, whatever transactions were running then: no transaction
-- that writes figures lasts 15 minutes. Rows of the log are not locked by others, so they are written before the roll-ups,
-- whose most popular rows all senders wait for.
--
-- Sums are cast, because PostgreSQL sums bigints as numeric, which is slow.
--
-- Triggers of by_quarter write hours and log for processes of an earlier release. This tells them that it is done here.
written_here AS MATERIALIZED (SELECT set_config('gokart.hours', 'written', true)),
time AS MATERIALIZED (
    SELECT
        clock_timestamp() AS now,
        clock_timestamp() + interval '15 minutes' AS nearly_now,
        date_trunc('day', clock_timestamp() + interval '15 minutes', 'UTC') AS utc_day,
        (clock_timestamp() AT TIME ZONE 'UTC')::date - coalesce((SELECT final_after_days FROM {schema}.setting), 30)
            AS provisional_from,
        {schema}.cause_of_change() AS cause
),
hour AS MATERIALIZED (
    SELECT
        offer, date_bin('1 hour', bucket, 'epoch') AS bucket, partner, sum(conversions)::int AS conversions,
        sum(clicks)::int AS clicks, sum(views)::int AS views, sum(cost)::bigint AS cost
    FROM quarter
    GROUP BY 1, 2, 3
),
day AS MATERIALIZED (
    SELECT
        offer, (bucket AT TIME ZONE 'UTC')::date AS bucket, partner, sum(conversions)::int AS conversions,
        sum(clicks)::int AS clicks, sum(views)::int AS views, sum(cost)::bigint AS cost
    FROM hour
    GROUP BY 1, 2, 3
),
month AS MATERIALIZED (
    SELECT
        offer, date_trunc('month', bucket::timestamp)::date AS bucket, partner, sum(conversions) AS conversions,
        sum(clicks) AS clicks, sum(views) AS views, sum(cost)::bigint AS cost
    FROM day
    GROUP BY 1, 2, 3
),
logged AS (
    INSERT INTO {schema}.restatement (
        changed_at, xid, bucket, offer, partner, conversions, clicks, views, cost, late, cause
    )
    SELECT
        time.now, pg_current_xact_id(), q.bucket, q.offer, q.partner, q.conversions, q.clicks, q.views, q.cost,
        (q.bucket AT TIME ZONE 'UTC')::date < time.provisional_from AND time.cause <> 'import', time.cause
    FROM quarter q
    CROSS JOIN time
    WHERE q.bucket < time.utc_day OR EXISTS (
        SELECT FROM {schema}.offer o JOIN {schema}.advertiser a ON a.id = o.advertiser
        WHERE o.key = q.offer AND a.time_zone <> 'UTC' AND q.bucket < date_trunc('day', time.nearly_now, a.time_zone)
    )
    ORDER BY q.offer, q.bucket
    RETURNING true
),
upserted_quarters AS (
    INSERT INTO {schema}.by_quarter AS t (offer, bucket, partner, conversions, clicks, views, cost)
    SELECT offer, bucket, partner, conversions, clicks, views, cost
    FROM quarter, written_here
    WHERE (SELECT count(*) FROM logged) >= 0
    ORDER BY offer, bucket, partner
-- include: add_to_bucket.sql
    RETURNING true
),
upserted_hours AS (
    INSERT INTO {schema}.by_hour AS t (offer, bucket, partner, conversions, clicks, views, cost)
    SELECT offer, bucket, partner, conversions, clicks, views, cost
    FROM hour
    WHERE (SELECT count(*) FROM upserted_quarters) >= 0
    ORDER BY offer, bucket, partner
-- include: add_to_bucket.sql
    RETURNING true
),
upserted_days AS (
    INSERT INTO {schema}.by_day AS t (offer, bucket, partner, conversions, clicks, views, cost)
    SELECT offer, bucket, partner, conversions, clicks, views, cost
    FROM day
    WHERE (SELECT count(*) FROM upserted_hours) >= 0
    ORDER BY offer, bucket, partner
-- include: add_to_bucket.sql
    RETURNING true
),
upserted_months AS (
    INSERT INTO {schema}.by_month AS t (offer, bucket, partner, conversions, clicks, views, cost)
    SELECT offer, bucket, partner, conversions, clicks, views, cost
    FROM month
    WHERE (SELECT count(*) FROM upserted_days) >= 0
    ORDER BY offer, bucket, partner
-- include: add_to_bucket.sql
    RETURNING true
),
marked_days AS (
    INSERT INTO {schema}.changed_day AS t (offer, bucket, version, changed_at, xid, late)
    SELECT offer, bucket, 1, :now::timestamptz, pg_current_xact_id(), bucket < provisional_from AND cause <> 'import'
    FROM (SELECT DISTINCT offer, bucket FROM day) AS d, time
    WHERE (SELECT count(*) FROM upserted_months) >= 0
    ORDER BY offer, bucket
-- include: mark.sql
        , xid = excluded.xid, late = t.late OR excluded.late
    RETURNING offer, bucket
),
marked_months AS (
    INSERT INTO {schema}.changed_month AS t (offer, bucket, version, changed_at, xid)
    SELECT offer, bucket, 1, :now::timestamptz, pg_current_xact_id()
    FROM (SELECT DISTINCT offer, date_trunc('month', bucket::timestamp)::date AS bucket FROM marked_days) AS m
    ORDER BY offer, bucket
-- include: mark.sql
        , xid = greatest(t.xid, excluded.xid)
    RETURNING true
)
