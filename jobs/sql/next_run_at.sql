    -- A start in the future was recorded before a clock was set back: the job is due now.
    -- After a failure the job runs again in a 24th of its interval.
    CASE
        WHEN started_at > now() THEN now()
        ELSE started_at + (:intervals::interval[])[array_position(:names::text[], name::text)]
            / CASE WHEN failures > 0 THEN 24 ELSE 1 END
    END
