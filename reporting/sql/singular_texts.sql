-- An offer's parts of its rows as JSON and as CSV, made once for each offer. OFFSET keeps them from being made for each
-- row; the quotes make it a constant from the start, so that the query may be parallel.
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
