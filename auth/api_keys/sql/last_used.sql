-- When and from which address keys were last used.

-- name: write
-- Except within a minute of what the table has.
UPDATE {schema}.api_token SET last_used_at = used.at, last_used_from = used.address
FROM unnest(:keys::int[], :uses::timestamptz[], :addresses::inet[], :before::timestamptz[])
    AS used (id, at, address, before)
WHERE api_token.id = used.id AND (last_used_at IS NULL OR last_used_at <= used.before)

-- name: read
SELECT id, last_used_at FROM {schema}.api_token WHERE id = ANY(:keys::int[])
