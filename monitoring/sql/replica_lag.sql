-- How far a replica is behind the position `primary` of the primary's log. Without lag, the age of the last transaction
-- only says how long ago the primary had one.
SELECT
    bytes,
    CASE WHEN bytes > 0 THEN coalesce(extract(epoch FROM now() - pg_last_xact_replay_timestamp()), 0) ELSE 0 END AS seconds
FROM (
    SELECT greatest(0, pg_wal_lsn_diff(:primary::text::pg_lsn, pg_last_wal_replay_lsn())) AS bytes
) AS behind
