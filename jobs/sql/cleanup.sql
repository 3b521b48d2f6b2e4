-- Expired rows of logins and of the audit log, in a tenant's schema or the platform's.

-- name: delete_sessions
DELETE FROM {schema}.session WHERE expires_at <= :before

-- name: delete_links
DELETE FROM {schema}.one_time_link WHERE expires_at <= :before

-- name: delete_attempts
-- Skips rows that a login has locked.
DELETE FROM {schema}.sign_in_attempt
WHERE key IN (
    SELECT key FROM {schema}.sign_in_attempt WHERE since < :before FOR UPDATE SKIP LOCKED
)

-- name: delete_audit_entries
DELETE FROM {schema}.audit_log
WHERE id IN (SELECT id FROM {schema}.audit_log WHERE at < :before ORDER BY at LIMIT :chunk)

-- name: forget_history
-- From now on, reports as of an earlier time, and explanations, begin here.
UPDATE {schema}.record_state SET recorded_since = :since::timestamptz WHERE recorded_since < :since::timestamptz

-- name: delete_restatements
DELETE FROM {schema}.restatement
WHERE ctid = ANY(ARRAY(SELECT ctid FROM {schema}.restatement WHERE changed_at < :before::timestamptz LIMIT :chunk))

-- name: delete_states
DELETE FROM {schema}.conversion_history
WHERE id IN (SELECT id FROM {schema}.conversion_history WHERE until < :before::timestamptz ORDER BY until LIMIT :chunk)

-- name: delete_pulls
-- Singular's requests in the log of the last release, which request_log has replaced. The lateral join uses the index,
-- which starts with the advertiser.
DELETE FROM {schema}.singular_pull
WHERE id IN (
    SELECT p.id
    FROM {schema}.advertiser a
    CROSS JOIN LATERAL (SELECT id FROM {schema}.singular_pull WHERE advertiser = a.id AND at < :before) AS p
    LIMIT :chunk
)
