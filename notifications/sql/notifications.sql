-- Notifications: who is told, what a user sees, and what is to be sent by email.

-- name: recipients
-- Users with the permission, and where they want to be told.
SELECT u.id, u.advertiser, coalesce(c.portal, true) AS portal, coalesce(c.email, true) AS email
FROM {schema}.advertiser_login u LEFT JOIN {schema}.notification_choice c ON c.login = u.id AND c.kind = :kind
WHERE u.advertiser = ANY(:advertisers::uuid[]) AND u.active AND u.password IS NOT NULL
    AND (:scope::text IS NULL OR :scope = ANY(u.scopes))

-- name: insert
-- In the order of the unique key, so that two processes do not block each other. Returns those that are new.
INSERT INTO {schema}.notification
    (created_at, advertiser, login, portal, email, kind, subject, title, text, path)
SELECT * FROM unnest(
    :created_at::timestamptz[], :advertisers::uuid[], :logins::int[], :portal::boolean[], :email::boolean[],
    :kinds::text[], :subjects::text[], :titles::text[], :texts::text[], :paths::text[]
)
ON CONFLICT (login, kind, subject) DO NOTHING
RETURNING id

-- name: count_unread
-- At most 100, of the kinds that the user may be told about.
SELECT count(*) FROM (
    SELECT FROM {schema}.notification
    WHERE login = :login AND advertiser = :advertiser AND portal AND read_at IS NULL
        AND kind = ANY(:kinds::text[])
    LIMIT 100
) AS unread

-- name: mark_read
-- One, or all.
UPDATE {schema}.notification SET read_at = :now::timestamptz
WHERE login = :login AND portal AND read_at IS NULL AND (:id::bigint IS NULL OR id = :id)

-- name: choices
SELECT kind, portal, email FROM {schema}.notification_choice WHERE login = :login

-- name: choose
INSERT INTO {schema}.notification_choice (login, kind, portal, email)
SELECT :login::int, kind, portal, email
FROM unnest(:kinds::text[], :portal::boolean[], :email::boolean[]) AS c (kind, portal, email)
ON CONFLICT (login, kind) DO UPDATE SET portal = excluded.portal, email = excluded.email

-- name: stop_emails
-- Of these kinds. Returns those of which the user got emails.
INSERT INTO {schema}.notification_choice AS c (login, kind, portal, email)
SELECT :login::int, kind, true, false FROM unnest(:kinds::text[]) AS kind
ON CONFLICT (login, kind) DO UPDATE SET email = false WHERE c.email
RETURNING kind

-- name: forget_unsent
-- Of kinds that the user does not want by email any more.
UPDATE {schema}.notification SET email = false
WHERE login = :login AND email AND sent_at IS NULL AND kind = ANY(:kinds::text[])

-- name: users_with_unsent
-- Those whose last attempt failed come last, so that they cannot keep the others waiting.
SELECT n.login
FROM {schema}.notification n JOIN {schema}.advertiser_login u ON u.id = n.login
WHERE n.email AND n.sent_at IS NULL AND n.created_at > :since::timestamptz
    AND u.active AND u.password IS NOT NULL
GROUP BY n.login
ORDER BY max(n.claimed_until) NULLS FIRST, n.login

-- name: claim_unsent
-- What one email tells, without kinds for which the user no longer has the permission (null: none is needed). No other
-- process gets these rows during the lease, which is on the database's clock. One that claims at the same moment waits, and
-- finds them claimed: with SKIP LOCKED, both would send an email with a part of them.
UPDATE {schema}.notification n SET claimed_until = now() + :lease::interval
FROM (
    SELECT n.id, u.email, u.name, u.password
    FROM {schema}.notification n JOIN {schema}.advertiser_login u ON u.id = n.login AND u.advertiser = n.advertiser
    WHERE n.login = :login AND n.email AND n.sent_at IS NULL AND n.created_at > :since::timestamptz
        AND u.active AND u.password IS NOT NULL
        AND (n.claimed_until IS NULL OR n.claimed_until <= now())
        AND EXISTS (
            SELECT FROM unnest(:kinds::text[], :scopes::text[]) AS k (kind, scope)
            WHERE k.kind = n.kind AND (k.scope IS NULL OR k.scope = ANY(u.scopes))
        )
    ORDER BY n.created_at, n.id
    LIMIT :limit
    FOR UPDATE OF n
) AS c
WHERE n.id = c.id
RETURNING n.id, n.created_at, n.title, n.text, n.path, c.email, c.name, c.password

-- name: mark_sent
UPDATE {schema}.notification SET sent_at = :now::timestamptz WHERE id = ANY(:ids::bigint[])

-- name: release
-- What was not sent: the next run may send it.
UPDATE {schema}.notification SET claimed_until = now() WHERE id = ANY(:ids::bigint[])

-- name: progress
SELECT final_days_until FROM {schema}.notification_progress

-- name: claim_progress
SELECT final_days_until FROM {schema}.notification_progress FOR UPDATE

-- name: record_progress
UPDATE {schema}.notification_progress SET final_days_until = :until::timestamptz

-- name: delete_before
DELETE FROM {schema}.notification
WHERE id IN (
    SELECT id FROM {schema}.notification WHERE created_at < :before::timestamptz ORDER BY created_at LIMIT :chunk
)
