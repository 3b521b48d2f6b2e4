-- With `position`, which orders partners by id: rows are then sorted by one number.
partners AS MATERIALIZED (
    SELECT key, id, row_number() OVER (ORDER BY id) AS position FROM {schema}.partner
)
