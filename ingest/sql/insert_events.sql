-- Inserts views and clicks into the ledger, and adds those that are new to the roll-ups. Returns how many are new.
-- In order of id, so that overlapping batches wait for each other in one order.
WITH inserted AS (
    INSERT INTO {schema}.event (id, occurred_at, offer, partner, is_click)
    SELECT id, to_timestamp(seconds), offer, partner, is_click
    FROM unnest(
        :ids::text::uuid[], :seconds::text::float8[], :offers::text::int[], :partners::text::int[],
        :clicks::text::bool[]
    ) AS t (id, seconds, offer, partner, is_click)
    ORDER BY id
    ON CONFLICT DO NOTHING
    RETURNING occurred_at, offer, partner, is_click
),
quarter AS MATERIALIZED (
    SELECT
        offer, date_bin('15 minutes', occurred_at, 'epoch') AS bucket, partner, 0 AS conversions,
        (count(*) FILTER (WHERE is_click))::int AS clicks,
        (count(*) FILTER (WHERE NOT is_click))::int AS views,
        0 AS cost
    FROM inserted
    GROUP BY 1, 2, 3
),
-- include: rollups.sql
SELECT coalesce(sum(clicks + views), 0)::int FROM quarter WHERE (SELECT count(*) FROM marked_months) >= 0
