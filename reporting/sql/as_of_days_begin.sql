        SELECT day, partner, sum(clicks) AS clicks, sum(cost) AS cost
        FROM (
