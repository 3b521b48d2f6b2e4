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
-- that writes figures lasts 15 minutes.
-- Triggers of by_quarter write hours and log for processes of an earlier release. This tells them that it is done here.
written_here AS MATERIALIZED (SELECT set_config('gokart.hours', 'written', true)),
time AS MATERIALIZED (
    SELECT
        clock_timestamp() AS now,
        clock_timestamp() + interval '15 minutes' AS nearly_now,
        (clock_timestamp() AT TIME ZONE 'UTC')::date - coalesce((SELECT final_after_days FROM {schema}.setting), 30)
            AS provisional_from,
        {schema}.cause_of_change() AS cause
),
hour AS MATERIALIZED (
    SELECT
        offer, date_trunc('hour', bucket, 'UTC') AS bucket, partner,
        sum(conversions) AS conversions, sum(clicks) AS clicks, sum(views) AS views, sum(cost) AS cost
    FROM quarter
    GROUP BY 1, 2, 3
),
day AS MATERIALIZED (
    SELECT
        offer, (bucket AT TIME ZONE 'UTC')::date AS bucket, partner,
        sum(conversions) AS conversions, sum(clicks) AS clicks, sum(views) AS views, sum(cost) AS cost
    FROM hour
    GROUP BY 1, 2, 3
),
month AS MATERIALIZED (
    SELECT
        offer, date_trunc('month', bucket::timestamp)::date AS bucket, partner,
        sum(conversions) AS conversions, sum(clicks) AS clicks, sum(views) AS views, sum(cost) AS cost
    FROM day
    GROUP BY 1, 2, 3
),
upserted_quarters AS (
    INSERT INTO {schema}.by_quarter AS t (offer, bucket, partner, conversions, clicks, views, cost)
    SELECT offer, bucket, partner, conversions, clicks, views, cost
    FROM quarter, written_here
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
    SELECT DISTINCT
        offer, bucket, 1, :now::timestamptz, pg_current_xact_id(), bucket < provisional_from AND cause <> 'import'
    FROM day, time
    WHERE (SELECT count(*) FROM upserted_months) >= 0
    ORDER BY offer, bucket
-- include: mark.sql
        , xid = excluded.xid, late = t.late OR excluded.late
    RETURNING true
),
marked_months AS (
    INSERT INTO {schema}.changed_month AS t (offer, bucket, version, changed_at, xid)
    SELECT DISTINCT offer, bucket, 1, :now::timestamptz, pg_current_xact_id()
    FROM month
    WHERE (SELECT count(*) FROM marked_days) >= 0
    ORDER BY offer, bucket
-- include: mark.sql
        , xid = greatest(t.xid, excluded.xid)
    RETURNING true
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
    JOIN {schema}.offer o ON o.key = q.offer
    JOIN {schema}.advertiser a ON a.id = o.advertiser
    WHERE q.bucket < date_trunc('day', time.nearly_now, 'UTC')
        OR a.time_zone <> 'UTC' AND q.bucket < date_trunc('day', time.nearly_now, a.time_zone)
)
