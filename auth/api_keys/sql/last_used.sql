-- When and from which address keys were last used, except within a minute of what the table has. A key that was created
-- later is another one: of a new tenant with the same name.
UPDATE {schema}.api_token SET last_used_at = used.at, last_used_from = used.address
FROM json_to_recordset(:uses::json) AS used (id int, at timestamptz, address inet, before timestamptz)
WHERE api_token.id = used.id AND created_at <= used.at AND (last_used_at IS NULL OR last_used_at <= used.before)
