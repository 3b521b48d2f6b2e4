"""The tables of Piccolo Admin: what it lists, and what the audit log records of a change."""

import pytest
from piccolo.columns import Varchar

from admin.piccolo.app import piccolo
from tests.support.database import execute
from tests.support.people import audit, browser, create_advertiser_user, create_staff_user
from tests.support.piccolo_admin import (
    change,
    create,
    fill,
    path_of,
    piccolo_admin_browser,
    row_of,
    rows_of,
    stored_row,
    user_id,
)
from tests.support.sandbox import Sandbox
from tests.support.wait import wait_until

ALL = sorted(piccolo.table_config_map)


@pytest.fixture
def full(sandbox: Sandbox) -> Sandbox:
    return fill(sandbox)


def test_each_table_is_listed(full: Sandbox) -> None:
    admin = piccolo_admin_browser(full, "viewer")
    wait_until(lambda: bool(rows_of(admin, "request_list")))  # it is written after the response
    for table in ALL:
        (row, *_) = rows_of(admin, table, __readable="true", __page=1, __page_size=15)
        assert row_of(admin, table, row["id"]).items() <= row.items()
        for about in ("ids", "new", "schema", "references"):
            assert admin.get(path_of(table) + f"{about}/").status_code == 200
        assert admin.get(path_of(table) + "count/").json()["count"] >= 1


def test_each_column_can_be_ordered_and_filtered_by(full: Sandbox) -> None:
    admin = piccolo_admin_browser(full, "viewer")
    for table, config in piccolo.table_config_map.items():
        for column in config.table_class._meta.columns:
            name = column._meta.name
            assert admin.get(path_of(table), params={"__order": f"-{name}"}).status_code == 200, (table, name)
            assert admin.get(path_of(table), params={f"{name}__operator": "not_null"}).status_code == 200
            if isinstance(column, Varchar):
                params = {name: "e", f"{name}__match": "contains"}
                assert admin.get(path_of(table), params=params).status_code == 200, (table, name)


def test_tables_are_grouped_and_explained(sandbox: Sandbox) -> None:
    admin = piccolo_admin_browser(sandbox, "viewer")
    assert admin.get("/admin/api/tables/grouped/").json() == {
        "grouped": {
            "Access": ["advertiser_login", "api_token", "setting", "staff"],
            "Catalogue": ["advertiser", "offer", "partner"],
            "Data in": ["conversion_list", "intake", "intake_reject_list"],
            "Logs": ["audit_log", "request_list"],
        },
        "ungrouped": [],
    }
    for table in ALL:
        assert admin.get(path_of(table) + "schema/").json()["extra"]["help_text"]


def test_money_times_and_addresses_are_formatted(full: Sandbox) -> None:
    admin = piccolo_admin_browser(full)
    change(admin, "advertiser", full.owner, singular_enabled=False)
    (conversion,) = rows_of(admin, "conversion_list")
    assert conversion["cost"] == "60.5"
    assert conversion["occurred_at"] == "2025-05-19T15:36:19Z"
    assert conversion["advertiser"] == "Owner"
    entry = rows_of(admin, "audit_log")[0]
    assert (entry["address"], entry["subject"], entry["label"]) == ("127.0.0.1", "advertiser", "Owner")
    assert rows_of(admin, "audit_log", address="127.0.0.1")
    token = rows_of(admin, "api_token", __readable="true", name="test", __order="id")[0]
    assert (token["advertiser_readable"], token["scopes"]) == ("Owner", ["conversions", "cost-report", "singular"])


def test_logs_show_the_newest_first(full: Sandbox) -> None:
    admin = piccolo_admin_browser(full, "viewer")
    for table in ("audit_log", "intake", "intake_reject_list", "request_list", "conversion_list"):
        order = admin.get(path_of(table) + "schema/").json()["extra"]["order_by"]
        assert [column["ascending"] for column in order] == [False], table


# --- the audit log ---


def test_the_audit_log_records_who_changed_what_from_where(sandbox: Sandbox) -> None:
    email = create_staff_user(sandbox, "owner")
    admin = browser(sandbox)
    admin.sign_in(email, root="/staff")
    admin.get("/admin/")
    admin.headers["X-CSRFToken"] = admin.cookies["csrftoken"]
    user = user_id(sandbox, "advertiser_login", create_advertiser_user(sandbox))
    start = len(audit(sandbox))
    new = create(admin, "advertiser", name="Kettle").json()[0]["id"]
    change(admin, "advertiser", new, currency="GBP")
    admin.put(path_of("advertiser", new), json={"currency": "CHF"})
    admin.delete(path_of("advertiser", new))
    change(admin, "advertiser_login", user, scopes=["singular"])
    change(admin, "setting", 1, staff_totp_required=True)
    entries = audit(sandbox)[start:]
    assert {(entry["actor"], str(entry["address"])) for entry in entries} == {(f"staff:{email}", "127.0.0.1")}
    assert [(entry["action"], entry["subject"], entry["key"]) for entry in entries] == [
        ("created", "advertiser", new),
        ("changed", "advertiser", new),
        ("changed", "advertiser", new),
        ("deleted", "advertiser", new),
        ("changed", "advertiser_login", str(user)),
        ("changed", "setting", "1"),
    ]
    assert '"GBP"' in entries[1]["after"]
    assert '"USD"' in entries[1]["before"]


def test_rejected_changes_are_not_recorded(sandbox: Sandbox) -> None:
    admin = piccolo_admin_browser(sandbox, "manager")
    entries = len(audit(sandbox))
    change(admin, "advertiser", sandbox.owner, name="New", currency="nonsense")
    change(admin, "advertiser", sandbox.owner, name="New", created_at="2020-01-01T00:00:00Z")
    admin.delete(path_of("advertiser", sandbox.owner))
    del admin.headers["X-CSRFToken"]
    assert change(admin, "advertiser", sandbox.owner, name="New").status_code == 403
    assert len(audit(sandbox)) == entries
    assert stored_row(sandbox, "advertiser", sandbox.owner)["name"] == "Owner"


def test_the_audit_log_cannot_be_changed(sandbox: Sandbox) -> None:
    admin = piccolo_admin_browser(sandbox)
    entry = rows_of(admin, "audit_log")[0]["id"]
    before = execute("SELECT * FROM {s}.audit_log ORDER BY id", schema=sandbox.tenant.schema)
    for method in ("PUT", "PATCH", "DELETE"):
        assert admin.request(method, path_of("audit_log", entry), json={"actor": "nobody"}).status_code == 405
    assert create(admin, "audit_log", actor="nobody").status_code == 405
    assert execute("SELECT * FROM {s}.audit_log ORDER BY id", schema=sandbox.tenant.schema) == before
