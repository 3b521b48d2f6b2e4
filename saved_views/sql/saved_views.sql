-- Saved views. Users see their own: advertiser users (`login`) those of the advertiser that they belong to, and staff
-- (`staff`) theirs, which have no advertiser.

-- name: list
SELECT id, name, query, schedule, sent_for FROM {schema}.saved_view
WHERE (login = :login::int OR staff = :staff::int) AND advertiser IS NOT DISTINCT FROM :advertiser::uuid
ORDER BY lower(name), id

-- name: add
INSERT INTO {schema}.saved_view (login, staff, advertiser, name, query, schedule, sent_for)
VALUES (:login, :staff, :advertiser, :name, :query, 'never', :sent_for::date)

-- name: change
UPDATE {schema}.saved_view SET name = :name, schedule = :schedule, sent_for = :sent_for::date
WHERE id = :id AND (login = :login::int OR staff = :staff::int) AND advertiser IS NOT DISTINCT FROM :advertiser::uuid
RETURNING id

-- name: delete
DELETE FROM {schema}.saved_view
WHERE id = :id AND (login = :login::int OR staff = :staff::int) AND advertiser IS NOT DISTINCT FROM :advertiser::uuid
RETURNING id

-- name: stop_emails
UPDATE {schema}.saved_view SET schedule = 'never'
WHERE id = :id AND (login = :login::int OR staff = :staff::int) AND advertiser IS NOT DISTINCT FROM :advertiser::uuid
    AND schedule <> 'never'
RETURNING name

-- name: scheduled
-- Those to send by email, whose users may still see the figures. Those whose last attempt failed come last.
SELECT v.id, v.schedule, v.sent_for, coalesce(a.time_zone, (SELECT time_zone FROM {schema}.setting), 'UTC') AS time_zone
FROM {schema}.saved_view v
    LEFT JOIN {schema}.advertiser_login u ON u.id = v.login AND u.advertiser = v.advertiser
    LEFT JOIN {schema}.advertiser a ON a.id = v.advertiser
    LEFT JOIN {schema}.staff p ON p.id = v.staff
WHERE v.schedule <> 'never' AND (
    p.active AND p.password IS NOT NULL
    OR u.active AND u.password IS NOT NULL AND 'cost-report' = ANY(u.scopes) AND a.status = 'active'
)
ORDER BY v.claimed_until NULLS FIRST, v.id

-- name: claim
-- One of them, unless it has been sent for that day. No other process gets it during the lease, which is on the
-- database's clock.
UPDATE {schema}.saved_view v SET claimed_until = now() + :lease::interval
FROM {schema}.saved_view w
    LEFT JOIN {schema}.advertiser_login u ON u.id = w.login AND u.advertiser = w.advertiser
    LEFT JOIN {schema}.advertiser a ON a.id = w.advertiser
    LEFT JOIN {schema}.staff p ON p.id = w.staff
WHERE w.id = :id AND v.id = :id AND v.schedule = :schedule AND v.sent_for < :day::date
    AND (v.claimed_until IS NULL OR v.claimed_until <= now())
    AND (
        p.active AND p.password IS NOT NULL
        OR u.active AND u.password IS NOT NULL AND 'cost-report' = ANY(u.scopes) AND a.status = 'active'
    )
RETURNING v.name, v.query, v.login, v.staff, v.advertiser, v.schedule, a.name AS advertiser_name,
    coalesce(u.email, p.email) AS email, coalesce(u.name, p.name) AS user_name,
    coalesce(u.password, p.password) AS password

-- name: mark_sent
-- The user may have chosen another schedule meanwhile, which is due for a later day.
UPDATE {schema}.saved_view SET sent_for = greatest(sent_for, :day::date), claimed_until = NULL WHERE id = :id

-- name: release
-- It was not sent: the next run may send it.
UPDATE {schema}.saved_view SET claimed_until = now() WHERE id = :id
