-- By day, offer and partner: 11, 26 and 26 bits of one number.
ORDER BY ((m.day - :from_day::date)::bigint << 52) + (m.position << 26) + p.position
