-- The audit log, oldest entry first. Ordered by time, then by id: each node of a Citus cluster has its own ids.
SELECT id, at, actor, address, action, subject, key, label, before, after
FROM {schema}.audit_log
WHERE (:start::timestamptz IS NULL OR at >= :start) AND (:end::timestamptz IS NULL OR at < :end)
ORDER BY at, id
