-- The log of requests with API keys.

-- name: insert_requests
INSERT INTO {schema}.request_log (
    at, token, advertiser, endpoint, starts_at, ends_at, status, rows, accepted, rejected, sent, milliseconds, address
)
SELECT *
FROM json_to_recordset(:entries::json) AS entry (
    at timestamptz, token int, advertiser uuid, endpoint text, starts_at timestamptz, ends_at timestamptz,
    status smallint, rows bigint, accepted int, rejected int, sent bigint, milliseconds int, address inet
)

-- name: delete_old_requests
DELETE FROM {schema}.request_log
WHERE ctid = ANY(
    ARRAY(SELECT ctid FROM {schema}.request_log WHERE at < :before::timestamptz ORDER BY at LIMIT :chunk)
)
