            -- Later changes of each time bucket, undone.
            UNION ALL
            SELECT n, partner, -conversions::bigint, -clicks::bigint, -views::bigint, -cost
            FROM unnest(:as_of_numbers::int[], :as_of_starts::timestamptz[], :as_of_ends::timestamptz[])
                AS span (n, start, "end")
            CROSS JOIN LATERAL (
                SELECT * FROM {schema}.restatement r
                WHERE r.offer = o.key AND r.bucket >= span.start AND r.bucket < span."end" AND
                (
                    :partner_ids::uuid[] IS NULL
                    OR r.partner IN (SELECT key FROM {schema}.partner WHERE id = ANY(:partner_ids::uuid[]))
                ) AND
                -- include: as_of_hidden.sql
                OFFSET 0
            ) AS later
