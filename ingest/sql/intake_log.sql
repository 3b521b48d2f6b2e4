-- The intake log: one row per batch, and the rejections of the batch.

-- name: insert_batch
INSERT INTO {schema}.intake (kind, token, accepted, duplicates, rejected)
VALUES (:kind, :api_key, :accepted, :duplicates, :rejected)
RETURNING id

-- name: insert_rejections
INSERT INTO {schema}.intake_reject (intake, index, record, field, message)
SELECT :batch, *
FROM unnest(:indexes::int[], :records::text[], :fields::text[], :messages::text[])

-- name: delete_old_batches
-- Keeps the last batch, whose time every report shows. Rejections are deleted by the foreign key.
DELETE FROM {schema}.intake
WHERE id IN (
    SELECT id
    FROM {schema}.intake
    WHERE received_at < :before AND received_at < (SELECT max(received_at) FROM {schema}.intake)
    ORDER BY received_at
    LIMIT :chunk
)
