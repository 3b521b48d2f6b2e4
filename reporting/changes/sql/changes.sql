-- A page of the figures that changed, in order of transaction, offer, day and partner: at most :limit rows after the cursor,
-- and one more if there are more. Without any, one row that has only the first four columns.
--   incarnation, xmin  as in feed.sql
--   known              whether the cursor is of this incarnation; if not, the page begins at the start
--   xid, offer, partner  of the row's position; its day is `day`
-- A day of an offer belongs to the transaction that changed it last or that moved the offer to the advertiser, whichever is
-- later. All days of an offer that moved away belong to the transaction of the move. Later days are not the advertiser's.
-- A transaction whose number this server has not reached is of another server, where the rows came from: it is long over,
-- and counts as 0.
WITH
-- include: feed.sql
,
start AS MATERIALIZED (
    SELECT
        *, CASE WHEN known THEN :xid::text::xid8 ELSE '0' END AS xid, CASE WHEN known THEN :offer::int ELSE 0 END AS offer,
        CASE WHEN known THEN :day::date ELSE '1970-01-01' END AS day, CASE WHEN known THEN :partner::int ELSE 0 END AS partner
    FROM (SELECT *, incarnation = :incarnation::bytea AND :xid::text::xid8 <= xmax AS known FROM feed) AS f
),
own AS (
    SELECT o.key, o.id, false AS moved_away, m.xid, m.moved_at
    FROM {schema}.offer o
    LEFT JOIN LATERAL (
        SELECT xid, moved_at FROM {schema}.offer_move
        WHERE offer = o.key AND to_advertiser = :advertiser::uuid ORDER BY id DESC LIMIT 1
    ) AS m ON true
    WHERE o.advertiser = :advertiser::uuid
    UNION ALL
    SELECT o.key, o.id, true AS moved_away, m.xid, m.moved_at
    FROM (
        SELECT DISTINCT ON (offer) offer, xid, moved_at FROM {schema}.offer_move
        WHERE from_advertiser = :advertiser::uuid ORDER BY offer, id DESC
    ) AS m
    JOIN {schema}.offer o ON o.key = m.offer
    WHERE o.advertiser <> :advertiser::uuid
),
offers AS MATERIALIZED (
    SELECT
        key, id, moved_away, moved_at, (moved_at AT TIME ZONE 'UTC')::date + 1 AS last_day,
        CASE WHEN own.xid < start.xmax THEN own.xid ELSE '0' END AS moved
    FROM own, start
),
-- The months with changes, each with the offers that have them. The days of a month are read together, since they are next to
-- each other in the table.
months AS MATERIALIZED (
    SELECT m.bucket AS first_day, array_agg(m.offer) AS offers, bool_or(o.moved >= s.xid) AS moved
    FROM start s
    CROSS JOIN (SELECT * FROM {schema}.changed_month WHERE offer = ANY(ARRAY(SELECT key FROM offers)) OFFSET 0) AS m
    JOIN offers o ON o.key = m.offer
    WHERE m.xid >= s.xid OR o.moved >= s.xid
    GROUP BY m.bucket
),
marks AS MATERIALIZED (
    SELECT o.id, o.key AS offer, o.moved_away, mark.*
    FROM start s
    CROSS JOIN months
    CROSS JOIN LATERAL (
        SELECT * FROM {schema}.changed_day
        WHERE offer = ANY(months.offers) AND bucket >= first_day AND bucket < (first_day + interval '1 month')::date
            AND (xid >= s.xid OR months.moved)
        OFFSET 0
    ) AS d
    JOIN offers o ON o.key = d.offer AND NOT (o.moved_away AND (o.moved < s.xid OR d.bucket > o.last_day))
    CROSS JOIN LATERAL (
        SELECT
            d.bucket AS day, d.late,
            CASE WHEN o.moved_away THEN o.moved_at ELSE greatest(d.changed_at, o.moved_at) END AS changed_at,
            greatest(CASE WHEN d.xid < s.xmax AND NOT o.moved_away THEN d.xid END, o.moved) AS xid
    ) AS mark
    WHERE (mark.xid, o.key, mark.day) >= (s.xid, s.offer, s.day) AND mark.xid < s.xmin
    ORDER BY mark.xid, offer, day
    LIMIT :limit::bigint + 2  -- each has a row, except perhaps the one at the cursor
)
-- The subquery's order is the result's, which the reader checks: sorted once more, no row would be sent before the last one.
SELECT s.incarnation, s.xmin::text::bigint AS xmin, s.known, r.xid::text::bigint AS xid, r.*
FROM start s
LEFT JOIN LATERAL (
    SELECT
        m.xid, m.offer, m.day, b.partner, m.id AS offer_id, p.id AS partner_id, m.moved_away, m.changed_at, m.late,
        b.conversions, b.clicks, b.views, trim_scale(b.cost * 0.000001)::text AS cost
    FROM marks m
    CROSS JOIN LATERAL (
        SELECT partner, conversions, clicks, views, cost FROM {schema}.by_day
        WHERE offer = m.offer AND bucket = m.day
        ORDER BY partner
    ) AS b
    CROSS JOIN LATERAL (SELECT id FROM {schema}.partner WHERE key = b.partner OFFSET 0) AS p  -- which PostgreSQL memoizes
    WHERE (m.xid, m.offer, m.day, b.partner) > (s.xid, s.offer, s.day, s.partner)
    ORDER BY m.xid, m.offer, m.day, b.partner
    LIMIT :limit::bigint + 1
) AS r ON true
