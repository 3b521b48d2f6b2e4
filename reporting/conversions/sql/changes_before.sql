-- Every change that a later snapshot lacks has or will have this time or a later one: the start of the oldest
-- transaction that is running, or now.
SELECT min(xact_start) AS instant
FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND xact_start IS NOT NULL
