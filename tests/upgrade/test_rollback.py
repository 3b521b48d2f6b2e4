"""This version on the database of a later one."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.separate_database import TENANTS, Platform, separate_database
from tests.support.servers import NO_TLS, Server
from tests.support.wait import wait_until

LATER, CONTRACT = "2999-01-01T06:00:00:000000", "2999-02-01T06:00:00:000000-contract"


@pytest.fixture
def platform() -> Iterator[Platform]:
    with separate_database() as platform:
        yield platform


def expand(platform: Platform) -> None:
    """As migrations of a later version of schema public and of each tenant."""
    platform.execute("ALTER TABLE tenant ADD colour text")
    record_platform_migration(platform, LATER)
    for tenant in TENANTS:
        platform.execute(f"ALTER TABLE t_{tenant}.offer ADD colour text")
        record_migration(platform, tenant, LATER)


def record_platform_migration(platform: Platform, name: str) -> None:
    platform.execute("INSERT INTO migration (name, app_name) VALUES ($1, 'platform')", name)


def record_migration(platform: Platform, tenant: str, name: str) -> None:
    platform.execute(
        "INSERT INTO tenant_migration (tenant, migration) SELECT id, $2 FROM tenant WHERE slug = $1", tenant, name
    )
    platform.execute("UPDATE tenant SET version = $2 WHERE slug = $1", tenant, name)


def readiness(server: Server) -> httpx.Response:
    return httpx.get(f"{server.url}/readyz", timeout=120, verify=NO_TLS)


def test_an_expanded_database_is_served_and_logged_once(platform: Platform, tmp_path: Path) -> None:
    expand(platform)
    assert platform.command("migrate") == "0 migrated, 3 up to date, 0 failed."
    assert "(newer)" in platform.command("tenants", "list")
    with platform.running_server(tmp_path) as server:
        assert [readiness(server).status_code for _ in range(3)] == [200] * 3
        report = httpx.get(
            f"{server.url}/docs", headers={"Host": f"api.{TENANTS[0]}.localhost"}, timeout=120, verify=NO_TLS
        )
        assert report.status_code == 200
        (line,) = server.log_lines("the database is newer than this version")
        assert line["migrations"] == [LATER]
    platform.command("tenants", "create", "dogwood", "--name", "Dogwood")  # with this version's own schema


@pytest.mark.parametrize("where", ["platform", "tenant"])
def test_a_database_that_lacks_what_this_version_uses_is_refused(
    platform: Platform, tmp_path: Path, where: str
) -> None:
    with platform.running_server(tmp_path) as server:
        assert readiness(server).status_code == 200
        if where == "platform":
            record_platform_migration(platform, CONTRACT)
        else:
            record_migration(platform, TENANTS[1], CONTRACT)
        wait_until(lambda: readiness(server).status_code == 503)
        assert httpx.get(f"{server.url}/healthz", timeout=120, verify=NO_TLS).status_code == 200
    with pytest.raises(AssertionError, match=f"(?s)of a later version.*{CONTRACT}.*run a later version"):
        platform.command("migrate")
