concat(
    '{"date":"', m.day, m.before_partner, p.id, m.after_partner, trim_scale(m.cost), ',"clicks":', m.clicks, '}'
)
