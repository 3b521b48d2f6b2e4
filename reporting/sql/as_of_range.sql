            -- Later changes of the range, undone.
            UNION ALL
            SELECT r.partner, -r.conversions::bigint, -r.clicks::bigint, -r.views::bigint, -r.cost
            FROM {schema}.restatement r
            WHERE r.offer = o.key AND r.bucket >= :as_of_start::timestamptz AND r.bucket < :as_of_end::timestamptz AND
            -- include: as_of_hidden.sql
