-- validators_cte.sql for all offers and one month, with the same result.
validators AS (
    -- include: validators_of_month.sql
)
