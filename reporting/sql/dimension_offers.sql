-- The advertiser's offers, in order of their names (by code point).
WITH offers AS (
    SELECT *, to_char(coalesce(updated_at, created_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS updated
    FROM {schema}.offer
    WHERE advertiser = :advertiser::uuid
)

-- name: state
-- The time of the last batch, and what the ETag is computed from: it differs as soon as anything in the list changes.
SELECT
    (SELECT received_at FROM {schema}.intake ORDER BY received_at DESC LIMIT 1) AS data_through,
    string_agg(concat_ws(':', key, version), ',' ORDER BY key) AS state
FROM offers

-- name: items
SELECT concat(
    '{"id":"', id,
    '","name":', to_json(name),
    ',"app":', coalesce(to_json(app_name)::text, 'null'),
    ',"storeId":', coalesce(to_json(store_id)::text, 'null'),
    ',"os":', coalesce(to_json(os)::text, 'null'),
    ',"campaign":', coalesce(to_json(campaign_name)::text, 'null'),
    ',"updatedAt":"', updated,
    '"}'
)
FROM offers
ORDER BY name COLLATE "C", id

-- name: columns
SELECT
    id AS "id", name AS "name", app_name AS "app", store_id AS "storeId", os AS "os", campaign_name AS "campaign",
    updated AS "updatedAt"
FROM offers
ORDER BY name COLLATE "C", id
