-- One row: the validators of a query, without its rows, and the snapshot that they were read in.
WITH
-- include: offers.sql
,
-- include: ../../sql/validators_cte.sql
SELECT v.*,
-- include: ../../sql/snapshot_columns.sql
FROM validators v
