-- The times of the first and the last conversion of the range, of any advertiser; null if it has none.
SELECT min(occurred_at) AS first, max(occurred_at) AS last
FROM {schema}.conversion
WHERE (:start::timestamptz IS NULL OR occurred_at >= :start::timestamptz)
    AND (:end::timestamptz IS NULL OR occurred_at < :end::timestamptz)
