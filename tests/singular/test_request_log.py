"""Singular's requests are the part of the request log that asked for Singular's report."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from jobs.cleanup import clean_tenant
from singular.request_log import SingularRequest, recent_singular_requests
from tenants.tenant import current_tenant
from tests.support.api_key_cast import id_of
from tests.support.app_calls import run, run_in_tenant
from tests.support.database import execute
from tests.support.sandbox import JSON, MAY, SINGULAR, SINGULAR_CSV, Sandbox
from tests.support.servers import running_server

COPIED = """
INSERT INTO {s}.singular_pull (at, advertiser, token, format, starts_at, ends_at, status, rows, milliseconds)
VALUES ($1, $2, $3, 'csv', '2025-05-01Z', '2025-06-01Z', 200, $4, 5)
"""


def log_of(sandbox: Sandbox, advertiser: UUID | None = None, **options: Any) -> list[SingularRequest]:
    """Newest first."""
    return run_in_tenant(
        sandbox.tenant.slug, lambda: recent_singular_requests(current_tenant(), advertiser or sandbox.owner, **options)
    )


def last_release_logs(sandbox: Sandbox, at: datetime, rows: int = 1, advertiser: UUID | None = None) -> None:
    key = id_of(sandbox, sandbox.owner_key)
    execute(COPIED, at, advertiser or sandbox.owner, key, rows, schema=sandbox.tenant.schema)


def test_only_requests_of_singulars_report_are_shown(sandbox: Sandbox, tmp_path: Path) -> None:
    with running_server(tmp_path, workers=1) as running, running.client() as client:
        there = msgspec.structs.replace(sandbox, http=client)
        for path in SINGULAR, JSON, SINGULAR_CSV:
            assert there.get(path, **MAY).status_code == 200
    log = log_of(sandbox)
    assert [(request.format, request.status, request.rows) for request in log] == [("csv", 200, 0), ("json", 200, 0)]
    assert (log[0].first_day, log[0].last_day) == (date(2025, 5, 1), date(2025, 5, 31))
    hint = execute(
        "SELECT hint FROM {s}.api_token WHERE id = $1", id_of(sandbox, sandbox.owner_key), schema=sandbox.tenant.schema
    )
    assert [(request.key_name, request.key_hint) for request in log] == [("test", hint[0]["hint"])] * 2


def test_what_the_last_release_logs_is_shown(sandbox: Sandbox) -> None:
    last_release_logs(sandbox, datetime.now(UTC))
    (request,) = log_of(sandbox)
    assert (request.format, request.rows, request.first_day) == ("csv", 1, date(2025, 5, 1))


def test_the_log_is_read_page_by_page(sandbox: Sandbox) -> None:
    at = datetime.now(UTC)
    for n in range(7):
        last_release_logs(sandbox, at - timedelta(seconds=n // 2), n)  # two at the same time
    last_release_logs(sandbox, at, advertiser=sandbox.rival)
    seen: list[SingularRequest] = []
    while page := log_of(sandbox, limit=2, before=seen[-1].id if seen else None):
        seen += page
    assert sorted(request.rows or 0 for request in seen) == list(range(7))
    assert [request.at for request in seen] == sorted((request.at for request in seen), reverse=True)
    (rivals,) = log_of(sandbox, sandbox.rival)
    assert log_of(sandbox, before=rivals.id) == []


def test_the_log_of_the_last_release_is_deleted_after_90_days(sandbox: Sandbox) -> None:
    now = datetime.now(UTC)
    for days in 1, 89, 91, 200:
        last_release_logs(sandbox, now - timedelta(days=days))
    assert run(lambda: clean_tenant(sandbox.tenant, now))["singular_requests_deleted"] == 2
