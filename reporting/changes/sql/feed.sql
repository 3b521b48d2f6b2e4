-- Which transactions may be sent, and whose numbers they are. Evaluated where the rows are read, also on a cluster.
--   incarnation  of the data: differs after a tenant or server was restored, a replica was promoted, or a tenant moved
--   xmin         every earlier transaction has ended
--   xmax         no transaction of this server has this number or a higher one yet; rows may have come from another server
feed AS MATERIALIZED (
    SELECT
        substr(sha256(convert_to(concat_ws(
            ' ', r.incarnation, r.tableoid, (pg_control_system()).system_identifier,
            CASE WHEN NOT pg_is_in_recovery() THEN left(pg_walfile_name(pg_current_wal_lsn()), 8) END
        ), 'UTF8')), 1, 8) AS incarnation,
        pg_snapshot_xmin(pg_current_snapshot()) AS xmin,
        pg_snapshot_xmax(pg_current_snapshot()) AS xmax
    FROM {schema}.record_state r
    LIMIT 1  -- it has one row, which its statistics may not know
)
