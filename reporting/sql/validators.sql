-- One row: the validators of a report, without the report.
WITH
-- include: offers.sql
,
-- include: validators_cte.sql
SELECT * FROM validators
