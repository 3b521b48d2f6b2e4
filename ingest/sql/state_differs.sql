(c.occurred_at, c.cost, c.offer, c.partner, c.status, c.rejection_reason) IS DISTINCT FROM (
    excluded.occurred_at, excluded.cost, excluded.offer, excluded.partner, excluded.status, excluded.rejection_reason
)
