"""The page of the platform's audit log."""

import re

import pytest
from asyncpg import RaiseError

from tests.support.cli import gokart
from tests.support.database import execute
from tests.support.people import audit
from tests.support.platform_pages import main_text, signed_in
from tests.support.sandbox import Sandbox


def test_it_shows_the_actor_the_change_and_the_address(sandbox: Sandbox) -> None:
    staff, slug = signed_in(sandbox, name="Kim"), sandbox.tenant.slug
    staff.post(f"/tenants/{slug}/limits", data={"rate": "2.5", "burst": "", "concurrency": "3"})
    gokart("tenants", "suspend", slug)
    page = main_text(staff.get("/audit", params={"subject": "tenant", "key": str(sandbox.tenant.id)}))
    name = sandbox.tenant.name
    limited = page.index(f"Manager Kim changed 2 values of tenant {name}")
    assert page.index(f"suspended tenant {name}") < limited < page.index(f"created tenant {name}")
    assert re.search(rf"Command line of \w+ suspended tenant {name}", page)
    assert "Requests per second \N{EN DASH} → 2.5" in page
    assert "Concurrent requests \N{EN DASH} → 3" in page
    assert "127.0.0.1" in page


def test_it_shows_no_secret(sandbox: Sandbox) -> None:
    page = signed_in(sandbox, "viewer").get("/audit").text
    assert "<dt>Password</dt><dd>(secret)</dd>" in page
    assert "pbkdf2" not in page


def test_it_is_filtered(sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    staff = signed_in(sandbox, "manager")
    staff.post(f"/tenants/{sandbox.tenant.slug}/suspend")
    mine = main_text(staff.get("/audit", params={"person": "PLATFORM:platform-", "subject": "tenant"}))
    assert f"suspended tenant {sandbox.tenant.name}" in mine
    assert "Command line" not in mine
    key = {"key": str(other_sandbox.tenant.id)}
    assert "changed" not in main_text(staff.get("/audit", params=key))
    assert "created tenant" in main_text(staff.get("/audit", params=key))
    for nonsense in {"person": "%"}, {"person": "\0%"}, {"key": "' OR 1=1"}:
        assert "No entries" in main_text(staff.get("/audit", params=nonsense))
    for nonsense in {"subject": "pg_class"}, {"before": "x"}, {"action": "stolen"}:
        assert "No entries" not in main_text(staff.get("/audit", params=nonsense))
    assert "Give a day" in main_text(staff.get("/audit", params={"from": "yesterday"}))


def test_it_is_paginated_by_50(sandbox: Sandbox) -> None:
    staff = signed_in(sandbox, "viewer")
    for n in range(120):
        execute("UPDATE tenant SET name = $1 WHERE slug = $2", f"No. {n:03}", sandbox.tenant.slug)
    key = str(sandbox.tenant.id)

    def page(path: str) -> tuple[list[str], dict[str, str]]:
        text = staff.get(path).text
        links = re.findall(r'rel="(prev|next)" href="([^"]*)"', text)
        return re.findall(r"→ No\. (\d\d\d)", text), {rel: href.replace("&amp;", "&") for rel, href in links}

    newest, links = page(f"/audit?key={key}")
    assert newest == [f"{n:03}" for n in range(119, 69, -1)]
    assert set(links) == {"next"}
    middle, links = page(links["next"])
    assert middle == [f"{n:03}" for n in range(69, 19, -1)]
    oldest, back = page(links["next"])
    assert oldest == [f"{n:03}" for n in range(19, -1, -1)]
    assert set(back) == {"prev"}
    assert page(back["prev"])[0] == middle
    first, links = page(page(back["prev"])[1]["prev"])
    assert first == newest
    assert "prev" not in links


def test_names_are_escaped(sandbox: Sandbox) -> None:
    execute("UPDATE tenant SET name = '<script>alert(1)</script>' WHERE slug = $1", sandbox.tenant.slug)
    staff = signed_in(sandbox, "viewer")
    for path in "/audit", "/?text=script", f"/tenants/{sandbox.tenant.slug}":
        text = staff.get(path).text
        assert "&lt;script&gt;alert(1)" in text
        assert "<script>alert" not in text


@pytest.mark.usefixtures("sandbox")
def test_it_cannot_be_changed() -> None:
    assert audit()
    for sql in "UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log":
        with pytest.raises(RaiseError, match="The audit log is not changed"):
            execute(sql)
