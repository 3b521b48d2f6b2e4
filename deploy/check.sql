-- Prints a line of counts and sums for each tenant. Two databases with the same data print the same lines.
--   psql --no-psqlrc --no-align --tuples-only --file=check.sql "$URL"
SELECT format($$
    SELECT %2$L, (SELECT count(*) FROM %1$I.advertiser), (SELECT count(*) FROM %1$I.offer),
        (SELECT count(*) FROM %1$I.api_token), (SELECT count(*) FROM %1$I.conversion), (SELECT count(*) FROM %1$I.event),
        (SELECT max(received_at) AT TIME ZONE 'UTC' FROM %1$I.intake),
        (SELECT concat_ws(' ', sum(cost), sum(conversions), sum(clicks), sum(views)) FROM %1$I.by_month),
        (SELECT concat_ws(' ', count(*), sum(cost), sum(conversions), sum(clicks), sum(views)) FROM %1$I.by_day),
        (SELECT sum(version) FROM %1$I.changed_month)$$, schema, slug)
FROM tenant ORDER BY slug
\gexec
