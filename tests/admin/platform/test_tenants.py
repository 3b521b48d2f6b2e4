"""The platform admin's pages about tenants."""

import re
from datetime import UTC, datetime
from html import unescape

import pytest

from tenants.migrations import latest_version
from tests.support.database import execute, locked, on_cluster
from tests.support.people import PASSWORD, Browser, audit, browser
from tests.support.platform_pages import link_in, main_text, new_slug, outdated_tenant, signed_in
from tests.support.sandbox import JSON, MAY, Sandbox, event_record, offer_record
from tests.support.wait import wait_until

NODE = r"[\w.]+:\d+ "  # a column on a Citus cluster
SIZE = rf"(?:[\d.]+ [kM]B|{NODE}[\d.]+ .?B)"  # on a cluster, it is that of the last VACUUM


def row_of(page: str, slug: str) -> str:
    """The text of a tenant's row in the list, after its name and label."""
    return page.partition(f" Media {slug} ")[2].partition(" Media ")[0]


def new_tenant(slug: str, changes: dict[str, str] | None = None) -> dict[str, str]:
    """Submits the form for a new tenant."""
    form = {"slug": slug, "name": f"{slug} Media", "owner": "Nora Berg", "email": "Nora@Limestone.example"}
    return form | (changes or {})


# --- the list ---


def test_the_list_shows_size_and_activity(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    before = datetime.now(UTC).replace(second=0, microsecond=0)
    sandbox.send("events", [event_record(offer["id"])])
    used = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
    execute("UPDATE {s}.api_token SET last_used_at = $1", used, schema=sandbox.tenant.schema)
    execute("UPDATE {s}.api_token SET last_used_at = now() WHERE advertiser IS NULL", schema=sandbox.tenant.schema)
    row = row_of(
        main_text(signed_in(sandbox, "viewer").get("/", params={"text": sandbox.tenant.slug})), sandbox.tenant.slug
    )
    match = re.fullmatch(
        rf"active up to date {re.escape(latest_version())} {SIZE} (.{{16}}) UTC "
        r"2026-03-04 05:06 UTC [\d-]+.*",
        row,
    )
    assert match, row
    assert datetime.strptime(f"{match[1]} +0000", "%Y-%m-%d %H:%M %z") >= before


def test_a_tenant_without_data_has_no_activity(sandbox: Sandbox) -> None:
    page = main_text(signed_in(sandbox, "viewer").get("/", params={"text": sandbox.tenant.slug}))
    assert "B never never" in row_of(page, sandbox.tenant.slug)


def test_outdated_and_locked_tenants_do_not_break_the_list(sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    old, staff, mark = outdated_tenant(), signed_in(sandbox, "viewer"), new_slug()
    ours = [old, sandbox.tenant.slug, other_sandbox.tenant.slug]
    execute("UPDATE tenant SET name = $1 || ' Media' WHERE slug = ANY($2)", mark, ours)
    execute("ALTER TABLE {s}.intake RENAME received_at TO at", schema=f"t_{old}")
    with locked(f"{other_sandbox.tenant.schema}.intake"):
        page = main_text(staff.get("/", params={"text": mark}))
        inside = main_text(staff.get(f"/tenants/{other_sandbox.tenant.slug}"))
    node = NODE if on_cluster() else ""
    assert re.match(f"active outdated 2026-11-20T06:00:00:000000 {node}Unavailable", row_of(page, old))
    assert re.match(f"active up to date {latest_version()} {node}Unavailable", row_of(page, other_sandbox.tenant.slug))
    assert "B never never" in row_of(page, sandbox.tenant.slug)
    assert "Usage is unavailable" in inside
    assert "Usage is unavailable" in main_text(staff.get(f"/tenants/{old}"))
    execute("ALTER TABLE {s}.intake RENAME at TO received_at", schema=f"t_{old}")  # other tests migrate all tenants


def test_it_is_searched_by_name_slug_and_status(sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    staff = signed_in(sandbox)
    execute("UPDATE tenant SET name = 'Größe & <b>Co</b>' WHERE slug = $1", sandbox.tenant.slug)
    staff.post(f"/tenants/{other_sandbox.tenant.slug}/suspend")

    def found(**params: str) -> set[str]:
        page = main_text(staff.get("/", params=params))
        return {each.tenant.slug for each in (sandbox, other_sandbox) if f" {each.tenant.slug} " in page}

    assert found(text="GRÖSSE & <b") == set()
    assert found(text="größe & <B") == {sandbox.tenant.slug}
    assert found(text=other_sandbox.tenant.slug[3:]) == {other_sandbox.tenant.slug}
    assert found(text="%") == found(text="_") == set()
    assert found(state="suspended", text=other_sandbox.tenant.slug) == {other_sandbox.tenant.slug}
    assert found(state="suspended", text=sandbox.tenant.slug) == set()
    assert found(state="no such", text="\0" + sandbox.tenant.slug) == {sandbox.tenant.slug}


def test_it_is_paginated_by_25(sandbox: Sandbox) -> None:
    """The list also shows tenants without a schema, such as one that is being deleted."""
    mark = new_slug()
    for n in range(28):
        execute(
            "INSERT INTO tenant (id, slug, schema, name) VALUES (gen_random_uuid(), $1::text, 't_' || $1::text, 'x')",
            f"{mark}{n:02}",
        )
    try:
        staff = signed_in(sandbox, "viewer")
        pages = [main_text(staff.get("/", params={"text": mark, "page": str(n)})) for n in (1, 2, 3)]
        shown = [re.findall(rf"{mark}(\d\d) ", page) for page in pages]
        assert shown == [[f"{n:02}" for n in range(25)], ["25", "26", "27"], []]
        assert f"/?text={mark}&amp;page=2" in staff.get("/", params={"text": mark}).text
        for nonsense in "0", "-1", "two", "9" * 30:
            assert main_text(staff.get("/", params={"text": mark, "page": nonsense})).count(mark) == 25
    finally:
        execute("DELETE FROM tenant WHERE slug LIKE $1", f"{mark}%")


# --- creating a tenant ---


def test_a_reserved_slug_is_refused_at_its_field(sandbox: Sandbox) -> None:
    made = signed_in(sandbox, "manager").post("/new", data=new_tenant("status"))
    assert made.status_code == 400
    assert re.search(r'<small id="slug-error" class="error">The name “status” is reserved', made.text)
    assert execute("SELECT FROM tenant WHERE slug = 'status'") == []


def test_a_new_tenants_owner_signs_in_with_the_link(sandbox: Sandbox) -> None:
    slug, staff = new_slug(), signed_in(sandbox, "manager")
    made = staff.post("/new", data=new_tenant(slug))
    link = link_in(made)
    origin = f"http://app.{slug}.localhost"
    assert re.fullmatch(rf"{re.escape(origin)}/staff/link/[\w-]{{43}}", link)
    assert "It works once, within 7 days" in main_text(made)

    owner = Browser(sandbox.http, f"app.{slug}.localhost")
    path = link.removeprefix(origin)
    assert "nora@limestone.example" in owner.get(path).text
    assert owner.post(path, data={"password": PASSWORD, "again": PASSWORD}).headers["location"] == "/staff"
    assert owner.get("/staff/account").status_code == 200
    assert owner.get(path).status_code == 404

    # Both audit logs name the platform staff user, and later changes name the tenant's owner.
    created = next(row for row in audit() if row["subject"] == "tenant" and row["label"] == f"{slug} Media")
    invited = execute("SELECT * FROM {s}.audit_log WHERE subject = 'staff' ORDER BY id", schema=f"t_{slug}")
    assert created["actor"] == invited[0]["actor"] == f"platform:{email_of(staff)}"
    assert str(created["address"]) == str(invited[0]["address"]) == "127.0.0.1"
    assert (invited[0]["action"], invited[0]["label"]) == ("created", "nora@limestone.example")
    assert {row["actor"] for row in invited[1:]} == {"staff:nora@limestone.example"}


def email_of(staff: Browser) -> str:
    found = re.search(r"<dt>Email</dt><dd>(.*?)</dd>", staff.get("/account").text)
    assert found
    return found[1]


def test_the_link_uses_the_host_of_the_request(sandbox: Sandbox) -> None:
    """The link also has the port and the scheme of the request."""
    staff = signed_in(sandbox, "manager")
    slug = new_slug()
    with_port = {"Host": "admin.localhost:8443", "Origin": "http://admin.localhost:8443"}
    made = staff.post("/new", data=new_tenant(slug), headers=with_port)
    assert link_in(made).startswith(f"http://app.{slug}.localhost:8443/staff/link/")


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("slug", "No Label", "a tenant's name is 1 to 60 of a-z"),
        ("slug", 'x"; DROP SCHEMA public; --', "a tenant's name is 1 to 60 of a-z"),
        ("slug", "", "a tenant's name is 1 to 60 of a-z"),
        ("name", " ", "A tenant's display name has 1 to 200 characters."),
        ("email", "nobody", "is not a valid email address"),
        ("owner", "", "Enter a name of 1 to 200 characters."),
        ("owner", "x" * 201, "Enter a name of 1 to 200 characters."),
    ],
)
def test_an_invalid_field_is_reported_and_nothing_is_created(
    module_sandbox: Sandbox, field: str, value: str, says: str
) -> None:
    slug = new_slug()
    before, noted = execute("SELECT count(*) FROM tenant"), len(audit())
    staff = signed_in(module_sandbox)
    response = staff.post("/new", data=new_tenant(slug, {field: value}))
    assert response.status_code == 400
    error = re.search(rf'<small id="{field}-error" class="error">(.*?)</small>', response.text)
    assert error
    assert says in unescape(error[1])
    assert field == "slug" or f'value="{slug}"' in response.text
    assert execute("SELECT count(*) FROM tenant") == before
    assert execute("SELECT FROM pg_namespace WHERE nspname = $1", f"t_{slug}") == []
    assert len(audit()) == noted + 1  # the platform staff user of this test


def test_a_slug_is_unique(sandbox: Sandbox) -> None:
    response = signed_in(sandbox).post("/new", data=new_tenant(sandbox.tenant.slug))
    assert response.status_code == 400
    assert f"There is a tenant '{sandbox.tenant.slug}' already." in main_text(response)
    assert execute("SELECT FROM {s}.staff", schema=sandbox.tenant.schema) == []


# --- the page of a tenant ---


def test_its_page_shows_counts_hosts_and_version(sandbox: Sandbox) -> None:
    sandbox.send("offers", [offer_record(sandbox), offer_record(sandbox)])
    page = main_text(signed_in(sandbox, "viewer").get(f"/tenants/{sandbox.tenant.slug}"))
    for text in "Advertisers 2", "Offers 2", "Partners 1", "Staff 0", "Active API keys 3", "No owners yet.":
        assert text in page
    assert f"http://api.{sandbox.tenant.slug}.localhost/docs" in page
    assert latest_version() in page


@pytest.mark.parametrize("slug", ["nobody", "No-Label", "x" * 61, "a.b", "%00"])
def test_an_unknown_tenant_is_not_found(module_sandbox: Sandbox, slug: str) -> None:
    assert signed_in(module_sandbox).get(f"/tenants/{slug}").status_code == 404


def test_a_tenant_is_suspended_and_resumed(sandbox: Sandbox) -> None:
    staff, slug = signed_in(sandbox), sandbox.tenant.slug

    def statuses() -> tuple[int, int]:
        return sandbox.get(JSON, **MAY).status_code, browser(sandbox).get("/sign-in").status_code

    assert staff.post(f"/tenants/{slug}/suspend").headers["location"] == f"/tenants/{slug}?done=suspended"
    wait_until(lambda: statuses() == (403, 403))
    assert "its API and pages return 403" in main_text(staff.get(f"/tenants/{slug}?done=suspended"))
    staff.post(f"/tenants/{slug}/resume")
    wait_until(lambda: statuses() == (200, 200))
    changes = [row["after"] for row in audit() if row["label"] == sandbox.tenant.name and row["action"] == "changed"]
    assert changes == ['{"status": "suspended"}', '{"status": "active"}']


def test_its_rate_limits_are_set_and_unset(sandbox: Sandbox) -> None:
    staff, slug = signed_in(sandbox), sandbox.tenant.slug
    assert staff.post(f"/tenants/{slug}/limits", data={"rate": "2.5", "burst": "7"}).status_code == 303
    page = staff.get(f"/tenants/{slug}?done=limits").text
    assert 'name="rate" type="text" value="2.5"' in page
    wait_until(lambda: "7" in sandbox.get(JSON, **MAY).headers["ratelimit-policy"])
    staff.post(f"/tenants/{slug}/limits", data={"rate": "", "burst": " "})
    assert execute("SELECT token_rate, token_burst FROM tenant WHERE slug = $1", slug) == [
        {"token_rate": None, "token_burst": None}
    ]


@pytest.mark.parametrize(
    ("field", "value"),
    [("rate", "0"), ("rate", "nan"), ("rate", "inf"), ("rate", "1e99"), ("burst", "2.5"), ("burst", "-1"),
     ("concurrency", "many"), ("concurrency", "9" * 20), ("concurrency", "9" * 5000)],
)  # fmt: skip
def test_an_invalid_rate_limit_changes_nothing(module_sandbox: Sandbox, field: str, value: str) -> None:
    staff, slug = signed_in(module_sandbox), module_sandbox.tenant.slug
    response = staff.post(f"/tenants/{slug}/limits", data={"burst": "7", field: value})
    assert response.status_code == 400
    assert f'id="{field}-error"' in response.text
    assert execute("SELECT token_burst FROM tenant WHERE slug = $1", slug) == [{"token_burst": None}]


def test_the_tenants_name_is_the_partner_of_conversions_without_one(sandbox: Sandbox) -> None:
    staff, slug = signed_in(sandbox), sandbox.tenant.slug
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    sandbox.send("events", [event_record(offer["id"], occurredAt="2025-05-19T15:31:44Z")])
    assert staff.post(f"/tenants/{slug}/name", data={"name": " Gravel Digital "}).status_code == 303
    assert [row["publisherName"] for row in sandbox.report()] == ["Gravel Digital"]
    assert "Gravel Digital" in main_text(staff.get(f"/tenants/{slug}"))
    sandbox.send("partners", [{"id": str(sandbox.tenant.id), "name": "Our own name"}])
    staff.post(f"/tenants/{slug}/name", data={"name": "Pebble Digital"})
    assert [row["publisherName"] for row in sandbox.report()] == ["Our own name"]
    assert staff.post(f"/tenants/{slug}/name", data={"name": ""}).status_code == 400


def test_an_outdated_tenant_is_migrated(sandbox: Sandbox) -> None:
    slug, staff = outdated_tenant(), signed_in(sandbox)
    owner = {"owner": "Nora", "email": "nora@example.com"}
    assert "Migrate it first" in main_text(staff.post(f"/tenants/{slug}/owners", data=owner))
    assert f"Migrate {slug} Media?" in main_text(staff.get(f"/tenants/{slug}"))
    assert staff.post(f"/tenants/{slug}/migrate").headers["location"] == f"/tenants/{slug}?done=migrated"
    page = main_text(staff.get(f"/tenants/{slug}"))
    assert latest_version() in page
    assert "Migrate" not in page
    assert link_in(staff.post(f"/tenants/{slug}/owners", data=owner))


def test_a_failed_migration_is_shown_and_can_be_retried(sandbox: Sandbox) -> None:
    slug, staff = outdated_tenant(), signed_in(sandbox)
    execute(f"CREATE TABLE t_{slug}.staff ()")
    staff.post(f"/tenants/{slug}/migrate")
    assert 'relation "staff" already exists' in main_text(staff.get(f"/tenants/{slug}"))
    assert f" {slug} active migration failed" in main_text(staff.get("/", params={"state": "failed"}))
    execute(f"DROP TABLE t_{slug}.staff")
    assert staff.post(f"/tenants/{slug}/migrate").headers["location"].endswith("?done=migrated")
    assert "already exists" not in main_text(staff.get(f"/tenants/{slug}"))


# --- its owners ---


def test_an_owner_is_invited_and_gets_a_new_link(sandbox: Sandbox) -> None:
    staff, slug = signed_in(sandbox), sandbox.tenant.slug
    first = link_in(staff.post(f"/tenants/{slug}/owners", data={"owner": "Nora", "email": "nora@example.com"}))
    page = main_text(staff.get(f"/tenants/{slug}"))
    assert "Nora nora@example.com invited off never New link for Nora" in page
    (row,) = execute("SELECT id, role FROM {s}.staff", schema=sandbox.tenant.schema)
    assert row["role"] == "owner"
    second = link_in(staff.post(f"/tenants/{slug}/owners/{row['id']}/link"))
    client, host = browser(sandbox), f"http://app.{slug}.localhost"
    assert client.get(first.removeprefix(host)).status_code == 404
    assert client.get(second.removeprefix(host)).status_code == 200
    again = staff.post(f"/tenants/{slug}/owners", data={"owner": "Nora", "email": "NORA@example.com"})
    assert again.status_code == 400
    assert "A user with this address already exists." in main_text(again)


def test_only_owners_get_a_link(sandbox: Sandbox) -> None:
    (row,) = execute(
        "INSERT INTO {s}.staff (email, name, role) VALUES ('v@example.com', 'V', 'viewer') RETURNING id",
        schema=sandbox.tenant.schema,
    )
    assert signed_in(sandbox).post(f"/tenants/{sandbox.tenant.slug}/owners/{row['id']}/link").status_code == 404
    assert execute("SELECT FROM {s}.one_time_link", schema=sandbox.tenant.schema) == []
