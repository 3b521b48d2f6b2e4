-- The ledger of conversions: one row each, as the callback that was sent last left it.

-- name: insert
-- On a cluster; otherwise `upsert_conversions.sql` does everything.
-- Returns the ids that were new. The insert has waited for every transaction that was writing one of the others.
INSERT INTO {schema}.conversion (
    id, sent_ticks, callback, occurred_at, cost, offer, partner, status, rejection_reason, click, details
)
SELECT * FROM
-- include: conversion_rows.sql
ON CONFLICT DO NOTHING
RETURNING id

-- name: update
UPDATE {schema}.conversion c SET
    sent_ticks = t.sent_ticks,
    callback = t.callback,
    occurred_at = t.occurred_at,
    cost = t.cost,
    offer = t.offer,
    partner = t.partner,
    status = t.status,
    rejection_reason = t.rejection_reason,
    click = t.click,
    details = t.details,
    received_at = now()
FROM
-- include: conversion_rows.sql
WHERE c.id = t.id

-- name: load
SELECT id, sent_ticks, callback, occurred_at, cost, offer, partner, status, rejection_reason, click, details
FROM {schema}.conversion
WHERE id = ANY(:ids::uuid[])
ORDER BY id

-- name: lock
-- In order of id, so that overlapping batches wait for each other in one order.
SELECT id, sent_ticks, callback, occurred_at, cost, offer, partner, status, rejection_reason, click, details
FROM {schema}.conversion
WHERE id = ANY(:ids::uuid[])
ORDER BY id
FOR UPDATE
