-- A line of figures for each tenant: the same on two databases where they have the same data.
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
