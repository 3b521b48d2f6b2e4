-- One row: the validators of a query, without its rows.
WITH
-- include: offers.sql
,
-- include: ../../sql/validators_cte.sql
SELECT * FROM validators
