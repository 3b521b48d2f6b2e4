-- The runs of background jobs: one row per job in public.task, by the database's clock.
-- `run` identifies the current run, whose process extends `alive_until` while it works.

-- name: add_jobs
INSERT INTO public.task (name) SELECT unnest(:names::text[]) ON CONFLICT DO NOTHING

-- name: claim
-- One job that is due, or whose process stopped extending its lease. A lease that ends later than any
-- process could have set it was set before a clock was set back. A run that is taken over keeps its progress.
UPDATE public.task SET
    run = :run,
    alive_until = now() + :lease::interval,
    started_at = CASE WHEN run IS NULL THEN now() ELSE started_at END,
    runs = runs + (run IS NULL)::int,
    tenants = CASE WHEN run IS NULL THEN 0 ELSE tenants END,
    failures = CASE WHEN run IS NULL THEN 0 ELSE failures END
WHERE name = (
    SELECT name FROM public.task
    WHERE name = ANY(:names::text[]) AND CASE
        WHEN run IS NULL THEN started_at IS NULL OR (
-- include: next_run_at.sql
        ) <= now()
        ELSE alive_until <= now() OR alive_until > now() + :lease::interval
    END
    ORDER BY started_at NULLS FIRST
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
RETURNING run, name, reached

-- name: extend_lease
UPDATE public.task SET alive_until = now() + :lease::interval WHERE name = :job AND run = :run

-- name: record_progress
-- `reached` is the tenant last processed, '' for the platform.
UPDATE public.task SET
    alive_until = now() + :lease::interval,
    reached = :reached::text,
    tenants = tenants + (:reached::text <> '')::int,
    failures = failures + (:error::text IS NOT NULL)::int,
    error = coalesce(:error::text, error),
    failed_at = CASE WHEN :error::text IS NULL THEN failed_at ELSE now() END
WHERE name = :job AND run = :run
RETURNING true

-- name: finish
UPDATE public.task SET run = NULL, alive_until = NULL, reached = NULL, ended_at = now()
WHERE name = :job AND run = :run
RETURNING true

-- name: statuses
SELECT
    name,
    run IS NOT NULL AND alive_until > now() AS running,
    run IS NOT NULL AND alive_until <= now() AS interrupted,
    started_at,
    ended_at,
    reached,
    tenants,
    failures,
    failed_at,
    error, (
-- include: next_run_at.sql
    ) AS next_at
FROM public.task
