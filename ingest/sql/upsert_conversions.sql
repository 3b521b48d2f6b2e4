-- Writes conversions, the states that they had before, and what they add to the roll-ups. The parameters have each
-- conversion once, in the state of its latest callback. One that the ledger has from a later callback is left as it is.
-- Returns how many were written and, of those in `repeated`, the ranks that they had before (null: they are new).
--
-- In order of id, so that overlapping batches wait for each other in one order. The trigger `keep_state` does for other
-- writers what `kept` and changed_at and cause do here.
WITH written AS (
    INSERT INTO {schema}.conversion AS c (
        id, sent_ticks, callback, occurred_at, cost, offer, partner, status, rejection_reason, click, details, cause
    )
    SELECT
        id, sent_ticks, callback, to_timestamp(seconds), cost, offer, partner, status, rejection_reason, click, details,
        constant.cause
    FROM
        (
            SELECT set_config('gokart.states', 'written', true), {schema}.cause_of_change() AS cause
            OFFSET 0
        ) AS constant,
        unnest(
            :ids::uuid[], :sent_ticks::bigint[], :callbacks::uuid[], :seconds::float8[], :costs::bigint[], :offers::int[],
            :partners::int[], :statuses::text[], :rejection_reasons::text[], :clicks::uuid[], :details::jsonb[]
        ) AS t (
            id, sent_ticks, callback, seconds, cost, offer, partner, status, rejection_reason, click, details
        )
    ORDER BY id
    ON CONFLICT (id) DO UPDATE SET
        sent_ticks = excluded.sent_ticks,
        callback = excluded.callback,
        occurred_at = excluded.occurred_at,
        cost = excluded.cost,
        offer = excluded.offer,
        partner = excluded.partner,
        status = excluded.status,
        rejection_reason = excluded.rejection_reason,
        click = excluded.click,
        details = excluded.details,
        received_at = excluded.received_at,
        changed_at = CASE
            WHEN
-- include: state_differs.sql
            THEN greatest(excluded.changed_at, coalesce(c.changed_at, c.received_at))
            ELSE c.changed_at
        END,
        cause = CASE
            WHEN
-- include: state_differs.sql
            THEN excluded.cause
            ELSE c.cause
        END
    WHERE (excluded.sent_ticks, excluded.callback) > (c.sent_ticks, c.callback)
    RETURNING
        new.id, new.occurred_at, new.cost, new.offer, new.partner, new.status, new.rejection_reason, new.changed_at,
        old.id IS NULL AS is_new, old.sent_ticks AS old_ticks, old.callback AS old_callback,
        old.occurred_at AS old_occurred_at, old.cost AS old_cost, old.offer AS old_offer, old.partner AS old_partner,
        old.status AS old_status, old.rejection_reason AS old_reason, old.cause AS old_cause,
        coalesce(old.changed_at, old.received_at) AS since
),
kept AS (
    INSERT INTO {schema}.conversion_history (
        conversion, since, until, occurred_at, cost, offer, partner, status, rejection_reason, cause
    )
    SELECT
        id, since, changed_at, old_occurred_at, old_cost, old_offer, old_partner, old_status, old_reason, old_cause
    FROM written
    WHERE NOT is_new AND (old_occurred_at, old_cost, old_offer, old_partner, old_status, old_reason)
        IS DISTINCT FROM (occurred_at, cost, offer, partner, status, rejection_reason)
),
quarter AS MATERIALIZED (
    SELECT
        offer, date_bin('15 minutes', occurred_at, 'epoch') AS bucket, partner, sum(sign)::int AS conversions,
        0 AS clicks, 0 AS views, sum(cost)::bigint AS cost
    FROM (
        SELECT offer, occurred_at, partner, 1 AS sign, cost FROM written WHERE status = 'Success'
        UNION ALL
        SELECT old_offer, old_occurred_at, old_partner, -1, -old_cost FROM written WHERE old_status = 'Success'
    ) AS change
    GROUP BY 1, 2, 3
    HAVING sum(sign) <> 0 OR sum(cost) <> 0
),
-- include: rollups.sql
SELECT
    count(*)::int AS written,
    coalesce(array_agg((id, old_ticks, old_callback)) FILTER (WHERE id = ANY(:repeated::uuid[])), '{}') AS repeated
FROM written
WHERE (SELECT count(*) FROM marked_months) >= 0
