-- Saved views. Users see their own, of the advertiser that they belong to.

-- name: list
SELECT id, name, query, schedule, sent_for FROM {schema}.saved_view
WHERE login = :login AND advertiser = :advertiser
ORDER BY lower(name), id

-- name: add
INSERT INTO {schema}.saved_view (login, advertiser, name, query, schedule, sent_for)
VALUES (:login, :advertiser, :name, :query, 'never', :sent_for::date)

-- name: change
UPDATE {schema}.saved_view SET name = :name, schedule = :schedule, sent_for = :sent_for::date
WHERE id = :id AND login = :login AND advertiser = :advertiser
RETURNING id

-- name: delete
DELETE FROM {schema}.saved_view WHERE id = :id AND login = :login AND advertiser = :advertiser RETURNING id

-- name: name
SELECT name FROM {schema}.saved_view WHERE id = :id AND login = :login

-- name: stop_emails
UPDATE {schema}.saved_view SET schedule = 'never' WHERE id = :id AND login = :login AND schedule <> 'never'
RETURNING name

-- name: scheduled
-- Those to send by email, whose users may still see the figures. Those whose last attempt failed come last.
SELECT v.id, v.schedule, v.sent_for, a.time_zone
FROM {schema}.saved_view v
    JOIN {schema}.advertiser_login u ON u.id = v.login AND u.advertiser = v.advertiser
    JOIN {schema}.advertiser a ON a.id = v.advertiser
WHERE v.schedule <> 'never' AND u.active AND u.password IS NOT NULL AND 'cost-report' = ANY(u.scopes)
    AND a.status = 'active'
ORDER BY v.claimed_until NULLS FIRST, v.id

-- name: claim
-- One of them, unless it has been sent for that day. No other process gets it during the lease, which is on the
-- database's clock.
UPDATE {schema}.saved_view v SET claimed_until = now() + :lease::interval
FROM {schema}.advertiser_login u, {schema}.advertiser a
WHERE v.id = :id AND v.schedule = :schedule AND v.sent_for < :day::date
    AND (v.claimed_until IS NULL OR v.claimed_until <= now())
    AND u.id = v.login AND u.advertiser = v.advertiser AND a.id = v.advertiser
    AND u.active AND u.password IS NOT NULL AND 'cost-report' = ANY(u.scopes) AND a.status = 'active'
RETURNING v.name, v.query, v.advertiser, v.schedule, u.id AS login, u.email, u.password,
    u.name AS user_name, a.name AS advertiser_name

-- name: mark_sent
-- The user may have chosen another schedule meanwhile, which is due for a later day.
UPDATE {schema}.saved_view SET sent_for = greatest(sent_for, :day::date), claimed_until = NULL WHERE id = :id

-- name: release
-- It was not sent: the next run may send it.
UPDATE {schema}.saved_view SET claimed_until = now() WHERE id = :id
