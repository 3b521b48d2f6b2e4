-- What `insert_events.sql` does first: inserts views and clicks into the ledger. Returns those that are new, each with the
-- start of its quarter of an hour in seconds since 1970, because integers are fast to decode.
-- In order of id, so that overlapping batches wait for each other in one order.
INSERT INTO {schema}.event (id, occurred_at, offer, partner, is_click)
SELECT id, to_timestamp(seconds), offer, partner, is_click
FROM unnest(:ids::uuid[], :seconds::float8[], :offers::int[], :partners::int[], :clicks::bool[])
    AS t (id, seconds, offer, partner, is_click)
ORDER BY id
ON CONFLICT DO NOTHING
RETURNING
    offer,
    date_part('epoch', date_bin('15 minutes', occurred_at, 'epoch') - timestamptz 'epoch')::bigint AS seconds,
    partner, is_click
