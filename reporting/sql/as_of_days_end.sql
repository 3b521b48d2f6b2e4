        -- Later changes of the range, undone.
        UNION ALL
        SELECT (r.bucket AT TIME ZONE 'UTC')::date, r.partner, -r.clicks, -r.cost * 0.000001
        FROM {schema}.restatement r
        WHERE r.offer = o.key AND r.bucket >= :as_of_start::timestamptz AND r.bucket < :as_of_end::timestamptz AND
        -- include: as_of_hidden.sql
        ) AS changes
        GROUP BY day, partner
        HAVING sum(clicks) <> 0 OR sum(cost) <> 0
