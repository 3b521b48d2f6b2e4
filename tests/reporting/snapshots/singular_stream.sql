SELECT
    (SELECT received_at FROM t_tenant.intake ORDER BY received_at DESC LIMIT 1) AS data_through,
    (
        SELECT string_agg(concat_ws(':', o.key, o.version, (
            SELECT version FROM t_tenant.changed_month WHERE offer = o.key AND bucket = $1::date
        )), ',' ORDER BY o.key)
        FROM t_tenant.offer o
        WHERE o.advertiser = $2::uuid
    ) AS state,
    (SELECT sum(hashint8extended((key::bigint << 32) + version, 0)) FROM t_tenant.partner) AS names;

BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;

SET LOCAL citus.propagate_set_commands TO E'local'; SET LOCAL work_mem TO E'48MB'; SET LOCAL min_parallel_table_scan_size TO E'0'; SET LOCAL min_parallel_index_scan_size TO E'0'; SET LOCAL enable_parallel_hash TO E'off';
SELECT set_config(
    'max_parallel_workers_per_gather', least(current_setting('max_parallel_workers_per_gather')::int, 1)::text, true
);

WITH
offers AS (
    SELECT *, width_bucket(id, (
        SELECT array_agg(id ORDER BY id) FROM t_tenant.offer
        WHERE advertiser = '00000000-0000-0000-0000-000000000000'::uuid AND (NULL::uuid IS NULL OR id = NULL::uuid)
    )) AS position
    FROM t_tenant.offer
    WHERE advertiser = '00000000-0000-0000-0000-000000000000'::uuid AND (NULL::uuid IS NULL OR id = NULL::uuid)
)
,
metrics AS (
    SELECT o.*, bucket AS day, partner, clicks, by_day.cost * 0.000001 AS cost
    FROM (
SELECT
    *,
    concat('","offer_name":', to_json(name), ',"partner_id":"') AS before_partner,
    concat(
        '","app":', coalesce(to_json(app_name)::text, 'null'),
        ',"store_id":', coalesce(to_json(store_id)::text, 'null'),
        ',"os":', coalesce(to_json(os)::text, 'null'),
        ',"campaign_name":', coalesce(to_json(campaign_name)::text, 'null'),
        ',"campaign_id":"', id,
        '","cost":'
    ) AS after_partner,
    concat(
        ',', CASE WHEN name ~ '[",\r\n]' THEN concat('"', replace(name, '"', '""'), '"') ELSE name END, ','
    ) AS csv_before_partner,
    concat(
        ',',
        CASE WHEN app_name ~ '^$|[",\r\n]' THEN concat('"', replace(app_name, '"', '""'), '"') ELSE app_name END, ',',
        CASE WHEN store_id ~ '^$|[",\r\n]' THEN concat('"', replace(store_id, '"', '""'), '"') ELSE store_id END, ',',
        os, ',',
        CASE
            WHEN campaign_name ~ '^$|[",\r\n]' THEN concat('"', replace(campaign_name, '"', '""'), '"')
            ELSE campaign_name
        END, ',',
        id, ','
    ) AS csv_after_partner
FROM offers
OFFSET '0'
    ) AS o
    JOIN t_tenant.by_day ON by_day.offer = ANY (ARRAY[o.key])
    WHERE bucket >= '2025-05-01'::date AND bucket < '2025-05-02'::date AND (clicks <> 0 OR by_day.cost <> 0)
)
SELECT
concat(
    '{"date":"', m.day, m.before_partner, p.id, m.after_partner, trim_scale(m.cost), ',"clicks":', m.clicks, '}'
)
FROM metrics m JOIN (
    SELECT key, id, width_bucket(id, (SELECT array_agg(id ORDER BY id) FROM t_tenant.partner)) AS position
    FROM t_tenant.partner
    OFFSET '0'
) AS p ON p.key = m.partner
ORDER BY ((m.day - '2025-05-01'::date)::bigint << 52) + (m.position::bigint << 26) + p.position;

WITH
offers AS MATERIALIZED (
    SELECT * FROM t_tenant.offer WHERE advertiser = $1::uuid
)
SELECT min(bucket)
FROM offers o
CROSS JOIN LATERAL (
    SELECT bucket FROM t_tenant.by_day
    WHERE offer = o.key AND bucket >= $2::date AND bucket < $3::date
    ORDER BY bucket
    LIMIT 1
) AS first_of_offer;

WITH
offers AS (
    SELECT *, width_bucket(id, (
        SELECT array_agg(id ORDER BY id) FROM t_tenant.offer
        WHERE advertiser = '00000000-0000-0000-0000-000000000000'::uuid AND (NULL::uuid IS NULL OR id = NULL::uuid)
    )) AS position
    FROM t_tenant.offer
    WHERE advertiser = '00000000-0000-0000-0000-000000000000'::uuid AND (NULL::uuid IS NULL OR id = NULL::uuid)
)
,
metrics AS (
    SELECT o.*, bucket AS day, partner, clicks, by_day.cost * 0.000001 AS cost
    FROM (
SELECT
    *,
    concat('","offer_name":', to_json(name), ',"partner_id":"') AS before_partner,
    concat(
        '","app":', coalesce(to_json(app_name)::text, 'null'),
        ',"store_id":', coalesce(to_json(store_id)::text, 'null'),
        ',"os":', coalesce(to_json(os)::text, 'null'),
        ',"campaign_name":', coalesce(to_json(campaign_name)::text, 'null'),
        ',"campaign_id":"', id,
        '","cost":'
    ) AS after_partner,
    concat(
        ',', CASE WHEN name ~ '[",\r\n]' THEN concat('"', replace(name, '"', '""'), '"') ELSE name END, ','
    ) AS csv_before_partner,
    concat(
        ',',
        CASE WHEN app_name ~ '^$|[",\r\n]' THEN concat('"', replace(app_name, '"', '""'), '"') ELSE app_name END, ',',
        CASE WHEN store_id ~ '^$|[",\r\n]' THEN concat('"', replace(store_id, '"', '""'), '"') ELSE store_id END, ',',
        os, ',',
        CASE
            WHEN campaign_name ~ '^$|[",\r\n]' THEN concat('"', replace(campaign_name, '"', '""'), '"')
            ELSE campaign_name
        END, ',',
        id, ','
    ) AS csv_after_partner
FROM offers
OFFSET '0'
    ) AS o
    JOIN t_tenant.by_day ON by_day.offer = ANY (ARRAY[o.key])
    WHERE bucket >= '2025-05-19'::date AND bucket < '2025-05-20'::date AND (clicks <> 0 OR by_day.cost <> 0)
)
SELECT
concat(
    '{"date":"', m.day, m.before_partner, p.id, m.after_partner, trim_scale(m.cost), ',"clicks":', m.clicks, '}'
)
FROM metrics m JOIN (
    SELECT key, id, width_bucket(id, (SELECT array_agg(id ORDER BY id) FROM t_tenant.partner)) AS position
    FROM t_tenant.partner
    OFFSET '0'
) AS p ON p.key = m.partner
ORDER BY ((m.day - '2025-05-19'::date)::bigint << 52) + (m.position::bigint << 26) + p.position;

WITH
offers AS (
    SELECT *, width_bucket(id, (
        SELECT array_agg(id ORDER BY id) FROM t_tenant.offer
        WHERE advertiser = '00000000-0000-0000-0000-000000000000'::uuid AND (NULL::uuid IS NULL OR id = NULL::uuid)
    )) AS position
    FROM t_tenant.offer
    WHERE advertiser = '00000000-0000-0000-0000-000000000000'::uuid AND (NULL::uuid IS NULL OR id = NULL::uuid)
)
,
metrics AS (
    SELECT o.*, bucket AS day, partner, clicks, by_day.cost * 0.000001 AS cost
    FROM (
SELECT
    *,
    concat('","offer_name":', to_json(name), ',"partner_id":"') AS before_partner,
    concat(
        '","app":', coalesce(to_json(app_name)::text, 'null'),
        ',"store_id":', coalesce(to_json(store_id)::text, 'null'),
        ',"os":', coalesce(to_json(os)::text, 'null'),
        ',"campaign_name":', coalesce(to_json(campaign_name)::text, 'null'),
        ',"campaign_id":"', id,
        '","cost":'
    ) AS after_partner,
    concat(
        ',', CASE WHEN name ~ '[",\r\n]' THEN concat('"', replace(name, '"', '""'), '"') ELSE name END, ','
    ) AS csv_before_partner,
    concat(
        ',',
        CASE WHEN app_name ~ '^$|[",\r\n]' THEN concat('"', replace(app_name, '"', '""'), '"') ELSE app_name END, ',',
        CASE WHEN store_id ~ '^$|[",\r\n]' THEN concat('"', replace(store_id, '"', '""'), '"') ELSE store_id END, ',',
        os, ',',
        CASE
            WHEN campaign_name ~ '^$|[",\r\n]' THEN concat('"', replace(campaign_name, '"', '""'), '"')
            ELSE campaign_name
        END, ',',
        id, ','
    ) AS csv_after_partner
FROM offers
OFFSET '0'
    ) AS o
    JOIN t_tenant.by_day ON by_day.offer = ANY (ARRAY[o.key])
    WHERE bucket >= '2025-05-20'::date AND bucket < '2025-05-24'::date AND (clicks <> 0 OR by_day.cost <> 0)
)
SELECT
concat(
    '{"date":"', m.day, m.before_partner, p.id, m.after_partner, trim_scale(m.cost), ',"clicks":', m.clicks, '}'
)
FROM metrics m JOIN (
    SELECT key, id, width_bucket(id, (SELECT array_agg(id ORDER BY id) FROM t_tenant.partner)) AS position
    FROM t_tenant.partner
    OFFSET '0'
) AS p ON p.key = m.partner
ORDER BY ((m.day - '2025-05-20'::date)::bigint << 52) + (m.position::bigint << 26) + p.position;

WITH
offers AS MATERIALIZED (
    SELECT * FROM t_tenant.offer WHERE advertiser = $1::uuid
)
SELECT min(bucket)
FROM offers o
CROSS JOIN LATERAL (
    SELECT bucket FROM t_tenant.by_day
    WHERE offer = o.key AND bucket >= $2::date AND bucket < $3::date
    ORDER BY bucket
    LIMIT 1
) AS first_of_offer;

COMMIT;
