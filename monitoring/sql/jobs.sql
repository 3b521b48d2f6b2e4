-- The background jobs with the columns of `gokart_job_…`. The duration of a run that is under way is not known yet.
-- Jobs of other versions are left out: they do not run again.
SELECT
    name,
    runs,
    (run IS NOT NULL AND alive_until > now())::int AS running,
    failures,
    extract(epoch FROM CASE WHEN run IS NULL THEN ended_at - started_at END) AS duration_seconds,
    extract(epoch FROM ended_at) AS last_end_timestamp_seconds
FROM public.task
WHERE name = ANY(:names::text[])
ORDER BY name
