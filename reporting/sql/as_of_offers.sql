-- Offers with the advertiser that they had then: that from which the first later move took them.
(
    SELECT
        o.id, o.key, o.name, o.campaign_name, o.app_name, o.store_id, o.os, o.version,
        coalesce((
            SELECT r.from_advertiser
            FROM (SELECT id, offer, from_advertiser, xid, moved_at AS changed_at FROM {schema}.offer_move) AS r
            WHERE r.offer = o.key AND
            -- include: as_of_hidden.sql
            ORDER BY r.id
            LIMIT 1
        ), o.advertiser) AS advertiser
    FROM {schema}.offer o
) AS offer
