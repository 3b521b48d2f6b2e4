"""Workers cache tenants and API keys, and drop what has changed."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from time import monotonic
from uuid import uuid4

import pytest

from auth.api_keys import service as api_keys
from auth.api_keys.format import mint_api_key
from database.engine import listen_url
from tenants import lifecycle
from tenants.cache import TRUST_SECONDS, TenantCache
from tests.support.api_key_cast import id_of, revoke, set_columns
from tests.support.app_calls import run, run_in_tenant
from tests.support.database import execute, locked
from tests.support.sandbox import JSON, Sandbox
from tests.support.servers import Server, running_server
from tests.support.tcp_proxy import TcpProxy, running_tcp_proxy
from tests.support.wait import wait_until
from tests.support.workers import Worker, each_worker

WORKERS = 2
REPORT = f"{JSON}?date_from=2025-05-01&date_to=2025-05-31"
WRONG = f"{JSON}?date_from=2025-05-01"  # rejected after authentication and before any report query
KILL_LISTENERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gokart listening'"

pytestmark = pytest.mark.usefixtures("server")


@pytest.fixture(scope="module")
def wire() -> Iterator[TcpProxy]:
    """A proxy between the workers and the database they listen to."""
    with running_tcp_proxy(listen_url()) as made:
        yield made


@pytest.fixture(scope="module")
def two_workers(wire: TcpProxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("workers")
    with running_server(folder, workers=WORKERS, GOKART_LISTEN_URL=wire.url, GOKART_DATABASE_WAIT="0.5") as running:
        yield running


@pytest.fixture
def workers(two_workers: Server) -> Iterator[list[Worker]]:
    with each_worker(two_workers, WORKERS) as found:
        yield found


def until_cached(workers: list[Worker], sandbox: Sandbox) -> None:
    """Sends requests until every worker authenticates the owner from its cache."""
    tables = ("public.tenant", f"{sandbox.tenant.schema}.api_token", f"{sandbox.tenant.schema}.advertiser")

    def cached() -> bool:
        for worker in workers:
            worker.ask(sandbox.host, WRONG, sandbox.owner_key)
        with locked(*tables):
            return all(worker.ask(sandbox.host, WRONG, sandbox.owner_key)[0] == 400 for worker in workers)

    wait_until(cached)


def test_a_cached_host_and_api_key_cost_no_query(workers: list[Worker], sandbox: Sandbox) -> None:
    until_cached(workers, sandbox)
    with locked("public.tenant", f"{sandbox.tenant.schema}.api_token", f"{sandbox.tenant.schema}.advertiser"):
        for worker in workers * 5:
            assert worker.ask(sandbox.host, WRONG, sandbox.owner_key)[0] == 400
        # Requests whose values are not cached read these tables.
        assert workers[0].ask(sandbox.host, WRONG, sandbox.rival_key)[0] == 503
        assert workers[0].ask("api.nobody.localhost", WRONG, sandbox.owner_key)[0] == 503


def test_an_unknown_host_is_cached(workers: list[Worker]) -> None:
    host = f"api.nobody-{uuid4().hex[:8]}.localhost"

    def cached() -> bool:
        workers[0].ask(host, WRONG)
        with locked("public.tenant"):
            return workers[0].ask(host, WRONG)[0] == 404

    wait_until(cached)


def test_a_malformed_api_key_costs_no_query(workers: list[Worker], sandbox: Sandbox) -> None:
    until_cached(workers, sandbox)
    good = sandbox.owner_key
    typos = [good[:20] + ("x" if good[20] != "x" else "y") + good[21:], good[:-1], good + "x", good.lower(), "x" * 46]
    with locked(f"{sandbox.tenant.schema}.api_token"):
        for typo in typos:
            assert workers[0].ask(sandbox.host, WRONG, typo)[0] == 401
        assert workers[0].ask(sandbox.host, WRONG, mint_api_key().token)[0] == 503


@pytest.mark.parametrize("event", ["invalidate", "invalidate_all"])
def test_a_value_that_was_loaded_before_a_change_is_not_cached_after_it(event: str) -> None:
    async def work() -> tuple[str, str, str]:
        cache = TenantCache()
        cache.trust_until(monotonic() + 60)

        async def load_during_change() -> str:
            if event == "invalidate":
                cache.invalidate("t_demo")
            else:
                cache.invalidate_all()
                cache.trust_until(monotonic() + 60)
            return "old"

        async def load_after_change() -> str:
            return "new"

        async def not_needed() -> str:
            return "not needed"

        return (
            await cache.get_or_load("t_demo", "key", load_during_change),
            await cache.get_or_load("t_demo", "key", load_after_change),
            await cache.get_or_load("t_demo", "key", not_needed),
        )

    assert asyncio.run(work()) == ("old", "new", "new")


def test_a_cached_value_is_used_for_one_second_after_the_last_ping(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("tenants.cache.monotonic", lambda: now)
    cache = TenantCache()

    async def load() -> float:
        return now

    def value() -> float:
        return asyncio.run(cache.get_or_load("t_demo", "key", load))

    cache.trust_until(now + TRUST_SECONDS)
    assert value() == 1000.0
    now = 1000.99
    assert value() == 1000.0
    now = 1001.0
    assert value() == 1001.0


def suspend(sandbox: Sandbox) -> None:
    run(lambda: lifecycle.set_tenant_status(sandbox.tenant.slug, "suspended"))


def delete(sandbox: Sandbox) -> None:
    run(lambda: lifecycle.delete_tenant(sandbox.tenant.slug, keep_dump=False))


def rotate_without_grace(sandbox: Sandbox) -> None:
    old = id_of(sandbox, sandbox.owner_key)
    run_in_tenant(sandbox.tenant.slug, lambda: api_keys.rotate_api_key(old, created_by="test", grace=timedelta(0)))


CHANGES: dict[str, tuple[Callable[[Sandbox], None], int]] = {
    "API key revoked": (lambda sandbox: revoke(sandbox, sandbox.owner_key), 401),
    "API key rotated without grace period": (rotate_without_grace, 401),
    "API key expired": (lambda sandbox: set_columns(sandbox, sandbox.owner_key, expires_at=datetime.now(UTC)), 401),
    "other scope": (lambda sandbox: set_columns(sandbox, sandbox.owner_key, scopes=["singular"]), 403),
    "other network": (
        lambda sandbox: set_columns(sandbox, sandbox.owner_key, networks=["192.0.2.0/24"]),
        403,
    ),
    "API key deleted": (
        lambda sandbox: ignore(execute("DELETE FROM {s}.api_token", schema=sandbox.tenant.schema)),
        401,
    ),
    "advertiser paused": (lambda sandbox: sandbox.set_advertiser(sandbox.owner, status="paused"), 403),
    "tenant suspended": (suspend, 403),
    "tenant deleted": (delete, 404),
}
FAILURES = ["no failure", "listening connection killed", "network silent", "network cut"]


def ignore(_: object) -> None:
    pass


@pytest.mark.parametrize("name", CHANGES)
def test_every_worker_applies_a_change(workers: list[Worker], sandbox: Sandbox, name: str) -> None:
    until_cached(workers, sandbox)
    make, status = CHANGES[name]
    make(sandbox)
    wait_until(lambda: statuses(workers, sandbox) == {status})
    for _ in range(10):
        assert statuses(workers, sandbox) == {status}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_revoked_api_key_is_rejected_even_if_the_listener_fails(
    workers: list[Worker], wire: TcpProxy, sandbox: Sandbox, failure: str
) -> None:
    until_cached(workers, sandbox)
    failures: dict[str, AbstractContextManager[None]] = {"network silent": wire.silent(), "network cut": wire.cut()}
    with failures.get(failure, nullcontext()):
        if failure == "listening connection killed":
            assert len(execute(KILL_LISTENERS)) >= WORKERS
        revoke(sandbox, sandbox.owner_key)
        wait_until(lambda: statuses(workers, sandbox) == {401})
        for _ in range(10):
            assert statuses(workers, sandbox) == {401}
            assert statuses(workers, sandbox, sandbox.rival_key) == {200}  # served from the database until then


def test_workers_cache_again_after_the_network_recovers(
    workers: list[Worker], wire: TcpProxy, sandbox: Sandbox
) -> None:
    with wire.cut():
        assert statuses(workers, sandbox) == {200}
    until_cached(workers, sandbox)


@pytest.mark.parametrize("failure", ["no failure", "listening connection killed"])
def test_a_resumed_tenant_is_served_again(workers: list[Worker], sandbox: Sandbox, failure: str) -> None:
    suspend(sandbox)
    wait_until(lambda: statuses(workers, sandbox) == {403})
    if failure == "listening connection killed":
        execute(KILL_LISTENERS)
    run(lambda: lifecycle.set_tenant_status(sandbox.tenant.slug, "active"))
    wait_until(lambda: statuses(workers, sandbox) == {200})


def test_a_host_that_was_cached_as_unknown_is_served_after_its_tenant_is_created(workers: list[Worker]) -> None:
    slug = f"t{uuid4().hex[:12]}"
    for worker in workers * 3:
        assert worker.ask(f"api.{slug}.localhost", REPORT)[0] == 404
    run(lambda: lifecycle.create_tenant(slug, "New"))
    wait_until(lambda: {w.ask(f"api.{slug}.localhost", REPORT)[0] for w in workers} == {401})


def statuses(workers: list[Worker], sandbox: Sandbox, token: str | None = None) -> set[int]:
    return {worker.ask(sandbox.host, REPORT, token or sandbox.owner_key)[0] for worker in workers}
