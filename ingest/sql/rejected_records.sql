-- Rejected records as they were sent.

-- name: count_open
-- How many of each cause are stored and not resolved.
SELECT cause, count(*) AS open
FROM {schema}.rejected_record
WHERE cause = ANY(:causes::uuid[]) AND resolved_at IS NULL
GROUP BY cause

-- name: insert
-- In order of digest, so that overlapping batches wait for each other in one order. A record that is rejected again is open
-- again.
INSERT INTO {schema}.rejected_record AS r (
    digest, cause, kind, token, record, field, message, reason, payload, size, times, first_at, last_at
)
SELECT digest, cause, :kind, :api_key::int, record, field, message, reason, payload, size, times, :now::timestamptz,
    :now::timestamptz
FROM unnest(
    :digests::uuid[], :causes::uuid[], :records::text[], :fields::text[], :messages::text[], :reasons::text[],
    :payloads::text[], :sizes::int[], :times::bigint[]
) AS t (digest, cause, record, field, message, reason, payload, size, times)
ORDER BY digest
ON CONFLICT (digest) DO UPDATE SET
    cause = excluded.cause,
    field = excluded.field,
    message = excluded.message,
    reason = excluded.reason,
    payload = coalesce(r.payload, excluded.payload),
    times = r.times + excluded.times,
    last_at = excluded.last_at,
    resolution = NULL,
    resolved_at = NULL,
    resolved_by = NULL,
    fixed = NULL

-- name: repeat
-- Of a cause that has the most records: one that is stored is counted, others are not stored. In order of digest too.
UPDATE {schema}.rejected_record SET times = times + 1, last_at = :now::timestamptz
WHERE digest IN (
    SELECT digest FROM {schema}.rejected_record
    WHERE digest = ANY(:digests::uuid[])
    ORDER BY digest
    FOR NO KEY UPDATE
)

-- name: delete_old
DELETE FROM {schema}.rejected_record
WHERE id IN (SELECT id FROM {schema}.rejected_record WHERE last_at < :before ORDER BY last_at LIMIT :chunk)
