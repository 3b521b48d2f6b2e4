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
