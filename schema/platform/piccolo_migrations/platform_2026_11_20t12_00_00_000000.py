"""Rate limits of API keys and addresses, counted over all processes (`web.limits`)."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_public

ID = "2026-11-20T12:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "limits over all processes"

SCRIPT = """
-- Unlogged: counting writes no WAL, and a crash resets all limits. Times are seconds since 1970.
CREATE UNLOGGED TABLE request_limit (
    key text PRIMARY KEY,
    level double precision NOT NULL,                -- requests left in the token bucket
    at double precision NOT NULL,                   -- when `level` was computed
    lent_until double precision NOT NULL DEFAULT 0, -- until then a process may hold requests in reserve
    places jsonb NOT NULL DEFAULT '{}',             -- {process: [concurrent requests, valid until]}
    expires_at double precision NOT NULL            -- the row can be deleted
) WITH (fillfactor = 50);

-- Synchronizes a process with a limit: it returns requests, reports its concurrent ones and asks for `want` more.
CREATE FUNCTION gokart_limit(
    its_key text, process text, rate float8, burst float8, most bigint, back int, held int, want int,
    share float8, lent_for float8, held_for float8,
    OUT tokens int, OUT taken int, OUT remains float8, OUT lent boolean
) LANGUAGE plpgsql AS $$
DECLARE
    it public.request_limit;
    moment float8;
    others int;
BEGIN
    LOOP
        SELECT * INTO it FROM public.request_limit r WHERE r.key = its_key FOR UPDATE;
        EXIT WHEN FOUND;
        INSERT INTO public.request_limit (key, level, at, expires_at)
            VALUES (its_key, burst, extract(epoch FROM clock_timestamp()), 'infinity') ON CONFLICT DO NOTHING;
    END LOOP;
    moment := extract(epoch FROM clock_timestamp());
    it.level := least(burst, it.level + greatest(0, moment - it.at) * rate + back);
    SELECT coalesce(jsonb_object_agg(p.key, p.value), '{}'), coalesce(sum((p.value ->> 0)::int), 0)
        INTO it.places, others
        FROM jsonb_each(it.places) p WHERE p.key <> process AND (p.value ->> 1)::float8 > moment;
    lent := it.lent_until > moment;
    tokens := 0;
    taken := 0;
    IF want > 0 AND it.level >= 1 AND (most = 0 OR others + held < most) THEN
        taken := least(want, greatest(0, most - others - held));
        tokens := least(floor(it.level), greatest(want, least(floor(it.level * share), 1e6)));
        it.level := it.level - tokens;
        IF tokens > want THEN
            it.lent_until := moment + lent_for;
        END IF;
    END IF;
    IF held + taken > 0 THEN
        it.places := it.places || jsonb_build_object(process, jsonb_build_array(held + taken, moment + held_for));
    END IF;
    remains := it.level;
    UPDATE public.request_limit r SET level = it.level, at = moment, lent_until = it.lent_until, places = it.places,
        expires_at = moment + greatest((burst - it.level) / rate, held_for)
        WHERE r.key = its_key;
END $$;
"""


async def create() -> None:
    await execute_in_public(SCRIPT)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="platform", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
