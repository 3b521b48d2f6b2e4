-- Replays of rejected records.

-- name: load
SELECT
    r.id, r.cause, r.kind, r.token AS api_key, coalesce(t.name, '') AS sender, coalesce(t.hint, '') AS hint, r.record,
    r.field, r.message, r.payload, r.size, r.times, r.first_at, r.last_at, r.resolution, r.resolved_at, r.resolved_by,
    r.fixed
FROM {schema}.rejected_record r LEFT JOIN {schema}.api_token t ON t.id = r.token
WHERE r.id = :id::bigint

-- name: load_open
-- With their text, the oldest first.
SELECT id, kind, token, payload
FROM {schema}.rejected_record
WHERE cause = :cause::uuid AND resolved_at IS NULL AND payload IS NOT NULL AND id > :after::bigint
ORDER BY id
LIMIT :most::int

-- name: count_open
-- How many of them there are after the id.
SELECT count(*) FROM {schema}.rejected_record
WHERE cause = :cause::uuid AND resolved_at IS NULL AND payload IS NOT NULL AND id > :after::bigint

-- name: lock
-- Locks the open ones in order of digest, as intake does, so that a sender who sends them again waits and does not deadlock.
SELECT id FROM {schema}.rejected_record
WHERE resolved_at IS NULL AND (id = ANY(:ids::bigint[]) OR cause = :cause::uuid)
ORDER BY digest
FOR NO KEY UPDATE

-- name: resolve
UPDATE {schema}.rejected_record
SET resolution = 'replayed', resolved_at = :now::timestamptz, resolved_by = :by::text, fixed = :fixed::text
WHERE id = ANY(:ids::bigint[])

-- name: reject_again
UPDATE {schema}.rejected_record r
SET cause = t.cause, field = t.field, message = t.message, reason = t.reason
FROM unnest(:ids::bigint[], :causes::uuid[], :fields::text[], :messages::text[], :reasons::text[])
    AS t (id, cause, field, message, reason)
WHERE r.id = t.id AND r.resolved_at IS NULL

-- name: dismiss
UPDATE {schema}.rejected_record
SET resolution = 'dismissed', resolved_at = :now::timestamptz, resolved_by = :by::text, payload = NULL, fixed = NULL
WHERE id = ANY(:ids::bigint[])
