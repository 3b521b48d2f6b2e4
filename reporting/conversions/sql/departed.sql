-- The conversions that left the advertiser since then, in order of time: a callback moved them to another advertiser's
-- offer, or they went with an offer that moved. Conversions that came after the offer had moved are left out.
WITH departed AS (
    SELECT d.conversion AS id, d.left_at
    FROM {schema}.conversion_departure d
    JOIN {schema}.conversion c ON c.id = d.conversion
    JOIN {schema}.offer o ON o.key = c.offer
    WHERE d.advertiser = :advertiser::uuid AND d.left_at >= :changed_since::timestamptz
        AND o.advertiser <> :advertiser::uuid
    UNION ALL
    SELECT c.id, m.moved_at
    FROM (
        SELECT DISTINCT ON (offer) offer, moved_at FROM {schema}.offer_move
        WHERE from_advertiser = :advertiser::uuid ORDER BY offer, id DESC
    ) AS m
    JOIN {schema}.offer o ON o.key = m.offer
    JOIN {schema}.conversion c ON c.offer = m.offer
    WHERE m.moved_at >= :changed_since::timestamptz AND o.advertiser <> :advertiser::uuid
        AND (
            coalesce(c.changed_at, c.received_at) < m.moved_at
            OR EXISTS (
                SELECT FROM {schema}.conversion_history h
                WHERE h.conversion = c.id AND h.offer = c.offer AND h.since < m.moved_at
            )
        )
),
rows AS (
    SELECT id, to_char(max(left_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS changed_at
    FROM departed
    WHERE :ids::uuid[] IS NULL OR id = ANY(:ids::uuid[])
    GROUP BY id
)

-- name: items
SELECT concat('{"id":"', id, '","changedAt":"', changed_at, '","deleted":true}')
FROM rows
ORDER BY changed_at, id

-- name: columns
SELECT
    id AS "id", NULL AS "status", NULL AS "cost", NULL AS "occurredAt", NULL AS "receivedAt", changed_at AS "changedAt",
    'true' AS "deleted", NULL AS "cause", NULL AS "offerId", NULL AS "offerName", NULL AS "partnerId", NULL AS "partnerName",
    NULL AS "clickId", NULL AS "rejectionReason", NULL AS "details", NULL AS "history"
FROM rows
ORDER BY changed_at, id
