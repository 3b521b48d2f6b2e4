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

-- name: scheduled
-- Those to send by email, whose users may still see the figures.
SELECT v.id, v.schedule, v.sent_for, a.time_zone
FROM {schema}.saved_view v
    JOIN {schema}.advertiser_login u ON u.id = v.login AND u.advertiser = v.advertiser
    JOIN {schema}.advertiser a ON a.id = v.advertiser
WHERE v.schedule <> 'never' AND u.active AND u.password IS NOT NULL AND 'cost-report' = ANY(u.scopes)
    AND a.status = 'active'
ORDER BY v.id

-- name: claim
-- One of them, unless it has been sent for that day. Another process that sends it at the same time has locked it.
SELECT v.name, v.query, v.advertiser, v.schedule, u.email, u.name AS user_name, a.name AS advertiser_name
FROM {schema}.saved_view v
    JOIN {schema}.advertiser_login u ON u.id = v.login AND u.advertiser = v.advertiser
    JOIN {schema}.advertiser a ON a.id = v.advertiser
WHERE v.id = :id AND v.schedule = :schedule AND v.sent_for < :day::date
    AND u.active AND u.password IS NOT NULL AND 'cost-report' = ANY(u.scopes) AND a.status = 'active'
FOR UPDATE OF v SKIP LOCKED

-- name: mark_sent
UPDATE {schema}.saved_view SET sent_for = :day::date WHERE id = :id
