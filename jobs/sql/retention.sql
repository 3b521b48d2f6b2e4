-- Deleting old quarter-hour buckets. See jobs/retention.py for the two steps.

-- name: offers_with_quarters
-- One index look-up per offer, because by_quarter has no index by time alone.
SELECT key
FROM {schema}.offer o
CROSS JOIN LATERAL (
    SELECT 1 FROM {schema}.by_quarter WHERE offer = o.key AND bucket < :before LIMIT 1
) AS q
ORDER BY key
LIMIT :limit

-- name: delete_quarters
-- In the order in which intake locks rows. Skips rows that intake has locked; the next run deletes them.
DELETE FROM {schema}.by_quarter q
USING (
    SELECT offer, bucket, partner
    FROM {schema}.by_quarter
    WHERE offer = :offer AND bucket < :before
    ORDER BY bucket, partner
    LIMIT :chunk
    FOR UPDATE SKIP LOCKED
) AS old
WHERE (q.offer, q.bucket, q.partner) = (old.offer, old.bucket, old.partner)

-- name: announce
-- The day never moves back.
UPDATE public.tenant SET thinned_before = :before, thinned_since = :now
WHERE id = :tenant AND (thinned_before IS NULL OR thinned_before < :before)
