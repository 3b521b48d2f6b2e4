-- The intake of the last hours by sender.

-- name: hours
SELECT
    token, date_bin('1 hour', received_at, 'epoch') AS hour, count(*) AS batches, sum(accepted)::bigint AS accepted,
    sum(duplicates)::bigint AS duplicates, sum(rejected)::bigint AS rejected
FROM {schema}.intake
WHERE received_at >= :since::timestamptz AND token IS NOT NULL
GROUP BY token, hour

-- name: senders
-- Ingest keys, with the time of the last batch. `works`: the key is neither revoked nor expired. `replaced`: it was rotated.
SELECT
    t.id, t.name, t.hint,
    t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > :now::timestamptz) AS works,
    EXISTS (SELECT FROM {schema}.api_token n WHERE n.replaces = t.id) AS replaced,
    (SELECT received_at FROM {schema}.intake i WHERE i.token = t.id ORDER BY received_at DESC LIMIT 1) AS last_at
FROM {schema}.api_token t
WHERE t.advertiser IS NULL
ORDER BY lower(t.name), t.id

-- name: active_hours
-- The hours in which a sender sent anything: one look into the index for each. PostgreSQL would turn EXISTS into a join
-- with all batches of the sender.
SELECT t.id AS token, h.hour
FROM {schema}.api_token t CROSS JOIN unnest(:hours::timestamptz[]) AS h (hour)
WHERE t.advertiser IS NULL AND (
    SELECT true FROM {schema}.intake i
    WHERE i.token = t.id AND i.received_at >= h.hour AND i.received_at < h.hour + interval '1 hour'
    LIMIT 1
)
