"""What the metrics say of tenants, background jobs, the database and the replica."""

from time import time
from typing import Any

import asyncpg
import msgspec
import pytest
from prometheus_client import CollectorRegistry

from database.engine import engine, listen_url
from jobs.definitions import JOBS
from monitoring.database_state import DORMANT, DatabaseStateCollector
from tests.support.database import execute
from tests.support.replica import WRITTEN, Replica
from tests.support.sandbox import Sandbox, event_record, offer_record

pytestmark = pytest.mark.anyio


def value(state: DatabaseStateCollector, name: str, /, **labels: str) -> float | None:
    registry = CollectorRegistry()
    registry.register(state)
    return registry.get_sample_value(name, labels)


def configure(monkeypatch: pytest.MonkeyPatch, **options: Any) -> None:
    monkeypatch.setattr(engine(), "options", msgspec.structs.replace(engine().options, **options))


def test_only_the_ten_tenants_with_the_longest_lag_are_named() -> None:
    state = DatabaseStateCollector()
    now = time()
    state._last_batches = {f"tenant-{n}": now - 1_000 * n for n in range(50)} | {"dormant": now - DORMANT - 60}
    (family,) = [family for family in state.collect() if family.name == "gokart_data_lag_seconds"]
    assert [sample.labels["tenant"] for sample in family.samples] == [f"tenant-{n}" for n in range(49, 39, -1)]
    assert value(state, "gokart_data_lag_seconds", tenant="tenant-49") == pytest.approx(49_000, abs=120)
    counts = [value(state, "gokart_data_lag_tenants", seconds=str(age)) for age in (0, 3_600, 604_800)]
    assert counts == [51, 47, 1]


@pytest.mark.parametrize("lock_timeout", [0.1, 600])
async def test_a_locked_tenant_keeps_its_lag_and_the_others_get_theirs(
    sandbox: Sandbox, other_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, lock_timeout: float
) -> None:
    """With the longer timeout, as behind PgBouncer with a role of one's own, the thread ends the statement itself."""
    configure(monkeypatch, lock_timeout=lock_timeout, pgbouncer=False)
    for one in sandbox, other_sandbox:
        offer = offer_record(one)
        one.send("offers", [offer])
        one.send("events", [event_record(offer["id"])])
    state = DatabaseStateCollector()
    state._last_batches = {sandbox.tenant.slug: 5.0, "gone": 6.0}
    locking = await asyncpg.connect(listen_url())
    async with locking.transaction():
        await locking.execute(f"LOCK TABLE {sandbox.tenant.schema}.intake")
        await state._walk()
    await locking.close()
    assert state._last_batches[sandbox.tenant.slug] == 5.0
    assert state._last_batches[other_sandbox.tenant.slug] == pytest.approx(time(), abs=120)
    assert "gone" not in state._last_batches


@pytest.mark.usefixtures("sandbox")
async def test_jobs_of_other_versions_are_left_out() -> None:
    """Version 1.0.0 called a job `thin`. That it has not run for days is no reason for an alert."""
    execute("INSERT INTO public.task (name, runs, started_at, ended_at) VALUES ('thin', 1, now(), now())")
    state = DatabaseStateCollector()
    try:
        await state._poll()
    finally:
        execute("DELETE FROM public.task WHERE name = 'thin'")
    assert value(state, "gokart_job_last_end_timestamp_seconds", name="thin") is None


@pytest.mark.usefixtures("sandbox")
async def test_the_last_success_of_a_job_stays_while_later_runs_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """The job is one that no server runs."""
    monkeypatch.setitem(JOBS, "probe", JOBS["cleanup"])
    execute(
        "INSERT INTO public.task (name, runs, started_at, ended_at) "
        "VALUES ('probe', 1, to_timestamp(100), to_timestamp(107))"
    )
    state = DatabaseStateCollector()
    try:
        await state._poll()
        execute(
            "UPDATE public.task SET runs = 2, failures = 3, started_at = to_timestamp(200), "
            "ended_at = to_timestamp(205) WHERE name = 'probe'"
        )
        await state._poll()
    finally:
        execute("DELETE FROM public.task WHERE name = 'probe'")
    probe = {"name": "probe"}
    assert value(state, "gokart_job_runs_total", **probe) == 2
    assert value(state, "gokart_job_failures", **probe) == 3
    assert value(state, "gokart_job_duration_seconds", **probe) == 5
    assert value(state, "gokart_job_last_end_timestamp_seconds", **probe) == 205
    assert value(state, "gokart_job_last_success_timestamp_seconds", **probe) == 107


async def test_a_database_that_is_down_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    state = DatabaseStateCollector()
    configure(monkeypatch, listen_url="postgresql://127.0.0.1:1/none")
    await state._poll()
    assert value(state, "gokart_database_up") == 0


async def test_the_lag_of_the_replica_is_reported(
    sandbox: Sandbox, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(monkeypatch, replica_url=replica.url)
    state = DatabaseStateCollector()
    replica.catch_up()
    replica.pause()
    try:
        sandbox.send("offers", [offer_record(sandbox)])
        execute(WRITTEN)
        await state._poll()
        behind, seconds = value(state, "gokart_replica_lag_bytes"), value(state, "gokart_replica_lag_seconds")
        assert behind is not None
        assert behind > 0
        assert seconds is not None
        assert seconds > 0
    finally:
        replica.resume()
    assert value(state, "gokart_replica_up") == 1
    configure(monkeypatch, replica_url="postgresql://127.0.0.1:1/none")
    await state._poll()
    assert value(state, "gokart_replica_up") == 0
    assert value(state, "gokart_replica_lag_seconds") is None
