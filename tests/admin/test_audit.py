"""The tenant's audit log, in sentences."""

import csv
import io
import socket
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from auth.users.realms import STAFF
from tests.support.database import execute
from tests.support.html_page import Page
from tests.support.people import (
    Browser,
    advertiser_browser,
    browser,
    create_staff_user,
    session_cookie,
    staff_browser,
)
from tests.support.sandbox import Sandbox, conversion_callback, offer_record
from tests.support.servers import running_server
from tests.support.wait import wait_until

INSERT = """
INSERT INTO {s}.audit_log (at, actor, action, subject, key, label, before, after)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""


def entries(staff: Browser, **filters: str) -> list[str]:
    """What the page says, newest first, without the details."""
    rows = Page(staff.get("/staff/audit", params=filters).text).rows("entries")
    return [cells[1].partition(" 1 value")[0].partition(" values Record")[0] for cells in rows]


def sentences(staff: Browser, **filters: str) -> str:
    return " | ".join(entries(staff, **filters))


def insert(sandbox: Sandbox, subject: str, action: str, **values: Any) -> None:
    columns = {"at": date(2026, 1, 1), "actor": "cli:root", "key": "1", "label": "", "before": {}, "after": {}} | values
    at, actor, key, label, before, after = columns.values()
    json = [msgspec.json.encode(side).decode() if side else None for side in (before, after)]
    execute(INSERT, at, actor, action, subject, key, label, *json, schema=sandbox.tenant.schema)


def test_it_says_who_did_what_to_whom(sandbox: Sandbox) -> None:
    email = create_staff_user(sandbox, "manager", name="Anna Schmidt")
    manager = browser(sandbox, cookies=session_cookie(sandbox, STAFF, email))
    manager.post(f"/staff/singular/{sandbox.owner}", data={"singular": "off"})
    page = staff_browser(sandbox, "viewer").get("/staff/audit", params={"subject": "advertiser"}).text
    assert Page(page).rows("entries")[0][1].startswith("Manager Anna Schmidt disabled Singular for advertiser Owner")
    assert f'href="/staff/advertisers/{sandbox.owner}">Owner</a>' in page
    assert ">Anna Schmidt</a>" not in page  # whose page only owners may open
    assert ">Anna Schmidt</a>" in staff_browser(sandbox).get("/staff/audit", params={"subject": "advertiser"}).text
    assert f"staff:{email}" in page
    assert "127.0.0.1" in page
    assert "API key" not in sentences(staff_browser(sandbox), subject="advertiser")


def test_corrections_are_told_with_short_ids(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox, name="Brown Boots")
    sandbox.send("offers", [offer])
    callback = conversion_callback(sandbox, offer["id"])
    sandbox.send("conversions", [callback])
    id_ = callback["conversion"]["conversionId"]
    execute("UPDATE {s}.conversion SET status = 'Rejected', sent_ticks = sent_ticks + 1", schema=sandbox.tenant.schema)
    execute("UPDATE {s}.conversion SET cost = 2500000", schema=sandbox.tenant.schema)
    execute("UPDATE {s}.conversion SET sent_ticks = sent_ticks + 1", schema=sandbox.tenant.schema)
    staff = staff_browser(sandbox)
    told = entries(staff, subject="conversion")
    assert [text.partition(" changed ")[2] for text in told] == [
        f"the cost of conversion {id_[:8]}… from 60 to 2.5",
        f"conversion {id_[:8]}… from Success to Rejected",
    ]
    page = staff.get("/staff/audit").text
    for internal in "sent_ticks", "callback", "totp", "Digest", "Version":
        assert internal not in page


def test_invitations_keys_and_moves_are_told(sandbox: Sandbox) -> None:
    staff = staff_browser(sandbox, name="Olga Owner")
    staff.post("/staff/people/staff/new", data={"name": "Max <b>", "email": "max@example.com", "role": "viewer"})
    offer = offer_record(sandbox, name="Boots")
    sandbox.send("offers", [offer])
    sandbox.move_offer(offer["id"], sandbox.rival)
    key = execute("SELECT max(id) AS id FROM {s}.api_token WHERE advertiser IS NULL", schema=sandbox.tenant.schema)
    staff.post(f"/staff/keys/{key[0]['id']}/revoke")
    told = sentences(staff)
    assert "Owner Olga Owner invited Max <b>" in told
    assert "created staff user Max <b>" in told
    assert "Owner Olga Owner revoked API key test" in told
    assert "moved offer Boots from Owner to Rival" in told
    assert "<b>" not in staff.get("/staff/audit").text


def test_deleted_users_and_long_names_do_not_break_the_page(sandbox: Sandbox) -> None:
    insert(sandbox, "session", "deleted", actor="staff:erased-12", before={"staff": 99999, "login": None})
    insert(sandbox, "offer", "created", label="\u202e" + "x" * 499, after={"advertiser": "gone", "name": "=1"})
    insert(sandbox, "unheard_of", "changed", key="k" * 100, before={"a": 1}, after={"a": [True]})
    resolved = {"resolution": "dismissed", "resolved_at": "2026-01-01T00:00:00Z", "payload": None}
    insert(
        sandbox, "rejected_record", "changed", key="12", before={"resolution": None, "payload": "{}"}, after=resolved
    )
    told = sentences(staff_browser(sandbox), to="2026-01-02")
    assert "dismissed rejected record 12" in told
    assert "Staff user erased-12 ended a session of a deleted user (ID 99999)" in told
    assert "xxx…" in told
    assert "changed the a of unheard of kkkkkkkk… from 1 to True" in told


def test_it_is_filtered_by_person_type_and_day(sandbox: Sandbox) -> None:
    staff = staff_browser(sandbox, name="Zoe Q")
    for day in 1, 2, 3:
        insert(sandbox, "offer", "deleted", at=date(2026, 2, day), label=f"offer {day}", key=str(day))
    staff.post(f"/staff/singular/{sandbox.owner}", data={"singular": "off"})
    assert entries(staff, **{"from": "2026-02-02", "to": "2026-02-02"}) == [
        "Command line of root deleted offer offer 2"
    ]
    assert all("Zoe Q" in text for text in entries(staff, person="zoe q"))
    assert all("root" in text for text in entries(staff, person="cli:root"))
    assert len(entries(staff, action="deleted", person="root")) == 3
    assert len(entries(staff, subject="offer", key="2")) == 1
    page = staff.get("/staff/audit", params={"from": "2026-02-02", "to": "2026-02-01"}).text
    assert "The last day is before the first." in page


@pytest.mark.parametrize("format_", ["csv", "ndjson"])
def test_what_is_filtered_is_exported(sandbox: Sandbox, format_: str) -> None:
    for day in 1, 2, 3:
        insert(sandbox, "offer", "created", at=date(2026, 2, day), label=f"=offer {day}")
    staff = staff_browser(sandbox, "viewer")
    page = staff.get("/staff/audit", params={"from": "2026-02-02", "subject": "offer", "person": "cli"})
    links = [element.attributes["href"] for element in Page(page.text).all("a", download="")]
    (link,) = [href for href in links if f"format={format_}" in href]
    response = staff.get(link)
    assert response.headers["content-disposition"] == f'attachment; filename="audit-log.{format_}"'
    if format_ == "csv":
        assert response.headers["content-type"] == "text/csv; charset=utf-8"
        labels = [row["label"] for row in csv.DictReader(io.StringIO(response.text))]
        assert labels == ["'=offer 2", "'=offer 3"]
    else:
        labels = [msgspec.json.decode(line)["label"] for line in response.text.splitlines()]
        assert labels == ["=offer 2", "=offer 3"]
    assert staff.get("/staff/audit/export?format=xlsx").status_code == 400
    assert staff.get("/staff/audit/export?from=monday").status_code == 400


def test_slow_readers_of_an_export_do_not_block_other_tenants_and_are_given_up(
    sandbox: Sandbox, other_sandbox: Sandbox, tmp_path: Path
) -> None:
    """There are two connections for streams, of which a tenant gets one."""
    execute(
        """
        INSERT INTO {s}.audit_log (at, actor, action, subject, key, label, before, after)
        SELECT now(), 'cli:root', 'created', 'offer', n, '', NULL, jsonb_build_object('name', repeat('x', 10_000))
        FROM generate_series(1, 1_500) n
        """,
        schema=sandbox.tenant.schema,
    )
    staff, others = staff_browser(sandbox), staff_browser(other_sandbox)
    cookies = "; ".join(f"{name}={value}" for name, value in staff.cookies.items())
    request = f"GET /staff/audit/export HTTP/1.1\r\nHost: {staff.host}\r\nCookie: {cookies}\r\n\r\n".encode()
    with (
        running_server(tmp_path, GOKART_STREAMS="2", GOKART_REPORT_TIMEOUT="2") as server,
        server.client() as http,
        ExitStack() as stack,
    ):
        for _ in range(2):
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.sendall(request)
        wait_until(lambda: bool(exports(sandbox)))
        elsewhere = Browser(http, others.host, cookies=dict(others.cookies))
        assert elsewhere.get("/staff/audit/export").status_code == 200
        assert len(exports(sandbox)) <= 1
        wait_until(lambda: not exports(sandbox))


def exports(sandbox: Sandbox) -> list[int]:
    """The database connections that exports of this tenant's audit log hold."""
    rows = execute(
        "SELECT pid FROM pg_stat_activity WHERE state <> 'idle' AND pid <> pg_backend_pid() AND query LIKE $1",
        f"SELECT id, at, %{sandbox.tenant.schema}.audit_log%",
    )
    return [row["pid"] for row in rows]


def test_it_shows_only_this_tenants_changes(sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    theirs = staff_browser(other_sandbox).get("/staff/audit").text
    assert str(other_sandbox.owner) in theirs
    assert str(sandbox.owner) not in theirs
    assert advertiser_browser(sandbox).get("/staff/audit").status_code == 303
