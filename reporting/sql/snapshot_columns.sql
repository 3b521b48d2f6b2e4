-- What `reporting.changes.snapshot_token` makes a token of. In a statement that reads one of the tenant's tables, so that
-- on a cluster the tenant's node evaluates it.
now() AS snapshot_began, pg_current_snapshot()::text AS snapshot_transactions, clock_timestamp() AS snapshot_taken
