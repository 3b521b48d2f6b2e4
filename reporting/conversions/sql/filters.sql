-- Whether the conversion `c` of the offer `o` and the partner `p` matches. Null filters select everything.
(:start::timestamptz IS NULL OR c.occurred_at >= :start::timestamptz)
AND (:end::timestamptz IS NULL OR c.occurred_at < :end::timestamptz)
AND (:offers::uuid[] IS NULL OR o.id = ANY(:offers::uuid[]))
AND (:partners::uuid[] IS NULL OR p.id = ANY(:partners::uuid[]))
AND (:statuses::text[] IS NULL OR c.status = ANY(:statuses::text[]))
AND (:ids::uuid[] IS NULL OR c.id = ANY(:ids::uuid[]))
AND (:clicks::uuid[] IS NULL OR c.click = ANY(:clicks::uuid[]))
