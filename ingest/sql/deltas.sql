    unnest(
        :offers::int[], :seconds::bigint[], :partners::int[],
        :conversions::int[], :clicks::int[], :views::int[], :costs::bigint[]
    ) AS u (offer, seconds, partner, conversions, clicks, views, cost)
