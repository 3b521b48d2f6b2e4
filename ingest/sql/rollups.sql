-- Adds the rows of the common table expression `quarter` to the roll-ups, and marks the days and months that changed.
-- `quarter` has each offer, bucket (start of a quarter of an hour, UTC) and partner once, with signed figures.
--
-- Lock order: every transaction locks rows in the order of these tables and, within a table, of the key. Transactions
-- that touch the same rows therefore wait for each other, and never deadlock. PostgreSQL does not define the order of
-- the data-modifying parts of one statement, but each part is complete before its RETURNING rows are counted. So each
-- part has a condition, always true, that counts the rows of the part before it. `rollups_on_cluster.sql` is the same for a
-- cluster.
--
-- Change marks: a version only rises, in the transaction that changes the figures, so equal sums of versions mean equal
-- figures. `changed_at` never goes back, even if an earlier batch commits after a later one.
day AS MATERIALIZED (
    SELECT
        offer, (bucket AT TIME ZONE 'UTC')::date AS bucket, partner,
        sum(conversions) AS conversions, sum(clicks) AS clicks, sum(views) AS views, sum(cost) AS cost
    FROM quarter
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
    FROM quarter
    ORDER BY offer, bucket, partner
-- include: add_to_bucket.sql
    RETURNING true
),
upserted_days AS (
    INSERT INTO {schema}.by_day AS t (offer, bucket, partner, conversions, clicks, views, cost)
    SELECT offer, bucket, partner, conversions, clicks, views, cost
    FROM day
    WHERE (SELECT count(*) FROM upserted_quarters) >= 0
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
    INSERT INTO {schema}.changed_day AS t (offer, bucket, version, changed_at)
    SELECT DISTINCT offer, bucket, 1, :now::timestamptz
    FROM day
    WHERE (SELECT count(*) FROM upserted_months) >= 0
    ORDER BY offer, bucket
-- include: mark.sql
    RETURNING true
),
marked_months AS (
    INSERT INTO {schema}.changed_month AS t (offer, bucket, version, changed_at)
    SELECT DISTINCT offer, bucket, 1, :now::timestamptz
    FROM month
    WHERE (SELECT count(*) FROM marked_days) >= 0
    ORDER BY offer, bucket
-- include: mark.sql
    RETURNING true
)
