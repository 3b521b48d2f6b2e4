    unnest(
        :ids::uuid[], :sent_ticks::bigint[], :callbacks::uuid[], :occurred_at::timestamptz[], :costs::bigint[],
        :offers::int[], :partners::int[], :statuses::text[], :rejection_reasons::text[], :clicks::uuid[],
        :details::jsonb[]
    ) AS t (
        id, sent_ticks, callback, occurred_at, cost, offer, partner, status, rejection_reason, click, details
    )
