-- The partners that appear in the advertiser's figures, in order of their names (by code point).
WITH partners AS (
    SELECT *, to_char(coalesce(updated_at, created_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS updated
    FROM {schema}.partner
    WHERE key IN (
        SELECT month.partner
        FROM {schema}.offer o
        CROSS JOIN LATERAL (SELECT partner FROM {schema}.by_month WHERE offer = o.key OFFSET 0) AS month
        WHERE o.advertiser = :advertiser::uuid
    )
)

-- name: state
-- The time of the last batch, and what the ETag is computed from: it differs as soon as anything in the list changes.
SELECT
    (SELECT received_at FROM {schema}.intake ORDER BY received_at DESC LIMIT 1) AS data_through,
    string_agg(concat_ws(':', key, version), ',' ORDER BY key) AS state
FROM partners

-- name: items
SELECT concat(
    '{"id":"', id,
    '","name":', to_json(name),
    ',"updatedAt":"', updated,
    '"}'
)
FROM partners
ORDER BY name COLLATE "C", id

-- name: columns
SELECT
    id AS "id", name AS "name",
    updated AS "updatedAt"
FROM partners
ORDER BY name COLLATE "C", id
