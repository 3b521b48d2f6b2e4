-- The log of requests with API keys.

-- name: delete_old_requests
DELETE FROM {schema}.request_log
WHERE ctid = ANY(
    ARRAY(SELECT ctid FROM {schema}.request_log WHERE at < :before::timestamptz ORDER BY at LIMIT :chunk)
)
