-- The advertiser's conversions with their histories, in order of the time at which they count, then of id.
-- Null filters select everything. Times are in UTC.
WITH
-- `moved_at`: since when the offer is this advertiser's, if it was another's before.
offers AS MATERIALIZED (
    SELECT
        o.key, o.id, o.name,
        (
            SELECT max(moved_at) FROM {schema}.offer_move m WHERE m.offer = o.key AND m.to_advertiser = o.advertiser
        ) AS moved_at
    FROM {schema}.offer o
    WHERE o.advertiser = :advertiser::uuid
),
-- `since`: when the conversion came into its present state, for this advertiser.
conversions AS (
    SELECT
        c.id, c.status, c.cost, c.occurred_at, c.received_at, c.rejection_reason, c.click, c.details,
        greatest(coalesce(c.changed_at, c.received_at), o.moved_at) AS since,
        CASE WHEN o.moved_at >= coalesce(c.changed_at, c.received_at) THEN 'move' ELSE c.cause END AS cause,
        o.id AS offer, o.name AS offer_name, p.id AS partner, p.name AS partner_name
    FROM {schema}.conversion c
    JOIN offers o ON o.key = c.offer
    JOIN {schema}.partner p ON p.key = c.partner
    WHERE
        -- include: filters.sql
        AND (
            :changed_since::timestamptz IS NULL
            OR c.received_at >= :changed_since::timestamptz
            OR c.changed_at >= :changed_since::timestamptz
            OR o.moved_at >= :changed_since::timestamptz
        )
    ORDER BY c.occurred_at, c.id  -- before the histories are read, so that what is sorted is small
    OFFSET 0
),
rows AS (
    SELECT c.*, history.states
    FROM conversions c
    CROSS JOIN LATERAL (
        SELECT concat('[', string_agg(
            concat(
                -- include: state.sql
            ), ',' ORDER BY state.since, state.until NULLS LAST
        ), ']') AS states
        FROM (
            SELECT
                greatest(h.since, o.moved_at) AS since, h.until, h.status, h.cost, o.id AS offer, p.id AS partner,
                h.occurred_at, h.rejection_reason,
                CASE WHEN o.moved_at >= h.since THEN 'move' ELSE h.cause END AS cause
            FROM {schema}.conversion_history h
            JOIN offers o ON o.key = h.offer
            JOIN {schema}.partner p ON p.key = h.partner
            WHERE h.conversion = c.id AND (o.moved_at IS NULL OR h.until > o.moved_at)
            UNION ALL
            SELECT
                c.since, NULL, c.status, c.cost, c.offer, c.partner, c.occurred_at, c.rejection_reason, c.cause
        ) AS state
    ) AS history
)

-- name: items
-- JSON objects. `quote` is empty or a double quote, around amounts.
SELECT concat(
    '{"id":"', r.id,
    '","status":"', r.status,
    '","cost":', :quote::text, trim_scale(r.cost * 0.000001), :quote::text,
    ',"occurredAt":"', to_char(r.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    '","receivedAt":"', to_char(r.received_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    '","changedAt":"', to_char(r.since AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    '","deleted":false,"cause":', coalesce('"' || r.cause || '"', 'null'),
    ',"offerId":"', r.offer,
    '","offerName":', to_json(r.offer_name),
    ',"partnerId":"', r.partner,
    '","partnerName":', to_json(r.partner_name),
    ',"clickId":', coalesce('"' || r.click || '"', 'null'),
    ',"rejectionReason":', coalesce(to_json(r.rejection_reason)::text, 'null'),
    ',"details":', coalesce(r.details::text, 'null'),
    ',"history":', r.states,
    '}'
)
FROM rows r
ORDER BY r.occurred_at, r.id

-- name: columns
-- For CSV: details and history are JSON.
SELECT
    r.id AS "id", r.status AS "status", trim_scale(r.cost * 0.000001) AS "cost",
    to_char(r.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS "occurredAt",
    to_char(r.received_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS "receivedAt",
    to_char(r.since AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS "changedAt",
    'false' AS "deleted", r.cause AS "cause", r.offer AS "offerId", r.offer_name AS "offerName", r.partner AS "partnerId",
    r.partner_name AS "partnerName", r.click AS "clickId", r.rejection_reason AS "rejectionReason",
    r.details AS "details", r.states AS "history"
FROM rows r
ORDER BY r.occurred_at, r.id

-- name: spreadsheet
-- The columns for a person who opens the CSV in a spreadsheet. An apostrophe makes it show a formula as text; the
-- characters are those of `core.spreadsheets.FORMULA_PREFIXES`.
SELECT
    r.id AS "id", r.status AS "status", trim_scale(r.cost * 0.000001) AS "cost",
    to_char(r.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS "occurredAt",
    to_char(r.received_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS "receivedAt",
    to_char(r.since AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS "changedAt",
    r.cause AS "cause", r.offer AS "offerId",
    concat(CASE WHEN r.offer_name ~ '^[-=+@\t\r\n]' THEN '''' END, r.offer_name) AS "offerName", r.partner AS "partnerId",
    concat(CASE WHEN r.partner_name ~ '^[-=+@\t\r\n]' THEN '''' END, r.partner_name) AS "partnerName",
    r.click AS "clickId",
    CASE WHEN r.rejection_reason ~ '^[-=+@\t\r\n]' THEN '''' || r.rejection_reason ELSE r.rejection_reason END
        AS "rejectionReason",
    r.details AS "details", r.states AS "history"
FROM rows r
ORDER BY r.occurred_at, r.id
