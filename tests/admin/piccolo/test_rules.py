"""What can be changed in the tables of Piccolo Admin, and what is rejected."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from admin.piccolo.rules import RULES
from tests.support.api_key_cast import id_of
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
from tests.support.sandbox import CSV, JSON, MAY, SINGULAR, Sandbox, conversion_callback, offer_record
from tests.support.wait import wait_until


@pytest.fixture
def full(sandbox: Sandbox) -> Sandbox:
    return fill(sandbox)


# --- accepted changes ---


def test_enabling_singular_takes_effect_in_the_api(sandbox: Sandbox) -> None:
    sandbox.set_advertiser(sandbox.owner, singular_enabled=False)
    wait_until(lambda: sandbox.get(SINGULAR, **MAY).status_code == 403)
    admin = piccolo_admin_browser(sandbox, "manager")
    assert change(admin, "advertiser", sandbox.owner, singular_enabled="true").status_code == 200
    wait_until(lambda: sandbox.get(SINGULAR, **MAY).status_code == 200)


def test_pausing_an_advertiser_takes_effect_in_the_api(sandbox: Sandbox) -> None:
    assert sandbox.get(JSON, **MAY).status_code == 200
    admin = piccolo_admin_browser(sandbox, "manager")
    assert change(admin, "advertiser", sandbox.owner, status="paused").status_code == 200
    wait_until(lambda: sandbox.get(JSON, **MAY).status_code == 403)


def test_saving_an_unchanged_form_changes_nothing(full: Sandbox) -> None:
    """Sends every column of every row as the form does: times to the second, numbers and booleans as text."""
    admin = piccolo_admin_browser(full)
    wait_until(lambda: all(row["last_used_at"] for row in rows_of(admin, "api_token") if row["id"] != 2))
    for table in RULES:
        for row in rows_of(admin, table):
            before, entries = stored_row(full, table, as_id(row["id"])), len(audit(full))
            sent = {name: as_text(value) for name, value in row.items() if name != "id"}
            assert change(admin, table, row["id"], **sent).status_code == 200
            assert admin.put(path_of(table, row["id"]), json=sent).status_code in {200, 204}
            assert stored_row(full, table, as_id(row["id"])) == before
            assert len(audit(full)) == entries


def as_id(text: str | int) -> UUID | int:
    return text if isinstance(text, int) else UUID(text)


def as_text(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else str(value) if isinstance(value, int | float) else value


def test_an_advertiser_is_created(sandbox: Sandbox) -> None:
    admin = piccolo_admin_browser(sandbox, "manager")
    sent = admin.get(path_of("advertiser") + "new/").json() | {"name": " Velvet Kettle ", "currency": "eur"}
    sent |= {
        "contact_email": "Anna@Example.com",
        "billing_address": "1 Long Lane\r\nLeeds",
        "singular_enabled": "false",
    }
    response = create(admin, "advertiser", **{name: value for name, value in sent.items() if name != "id"})
    assert response.status_code == 201, response.text
    row = stored_row(sandbox, "advertiser", UUID(response.json()[0]["id"]))
    assert (row["name"], row["currency"], row["status"]) == ("Velvet Kettle", "EUR", "active")
    assert (row["contact_email"], row["billing_address"]) == ("anna@example.com", "1 Long Lane\nLeeds")
    assert datetime.now(UTC) - row["created_at"] < timedelta(minutes=1)
    assert not row["singular_enabled"]


@pytest.mark.parametrize("sends", ["what the form suggests", "no time zone"])
def test_a_new_advertiser_has_the_time_zone_of_the_tenant(sandbox: Sandbox, sends: str) -> None:
    admin = piccolo_admin_browser(sandbox)
    assert change(admin, "setting", 1, time_zone="Asia/Tokyo").status_code == 200
    wait_until(lambda: admin.get(path_of("advertiser") + "new/").json()["time_zone"] == "Asia/Tokyo")
    sent = {"name": "Kettle"} | ({"time_zone": "Asia/Tokyo"} if sends == "what the form suggests" else {})
    response = create(admin, "advertiser", **sent)
    assert response.status_code == 201, response.text
    assert stored_row(sandbox, "advertiser", UUID(response.json()[0]["id"]))["time_zone"] == "Asia/Tokyo"


def test_the_time_zone_of_an_advertiser_is_an_iana_name(sandbox: Sandbox) -> None:
    admin = piccolo_admin_browser(sandbox, "manager")
    assert change(admin, "advertiser", sandbox.owner, time_zone="europe/berlin").status_code == 200
    assert stored_row(sandbox, "advertiser", sandbox.owner)["time_zone"] == "Europe/Berlin"
    for zone in ("Mars/Olympus", "+02:00", ""):
        response = change(admin, "advertiser", sandbox.owner, time_zone=zone)
        assert response.status_code == 422
        assert "IANA name of a time zone" in response.text


def test_an_offer_is_created_and_shown_in_the_report(sandbox: Sandbox) -> None:
    admin = piccolo_admin_browser(sandbox, "manager")
    response = create(admin, "offer", name="Kettle", advertiser=str(sandbox.owner), os="ANDROID")
    assert response.status_code == 201, response.text
    offer = response.json()[0]["id"]
    sandbox.send("conversions", [conversion_callback(sandbox, offer)])
    assert [row["offerName"] for row in sandbox.report()] == ["Kettle"]
    assert change(admin, "offer", offer, name="Teapot").status_code == 200
    assert [row["offerName"] for row in sandbox.report()] == ["Teapot"]


def test_renaming_changes_the_etag_of_reports(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    sandbox.send("conversions", [conversion_callback(sandbox, offer["id"])])
    etag = sandbox.get(CSV, **MAY).headers["etag"]
    assert change(piccolo_admin_browser(sandbox), "offer", offer["id"], name="Teapot").status_code == 200
    assert sandbox.get(CSV, **MAY).headers["etag"] != etag


def test_a_key_can_be_restricted_to_networks(sandbox: Sandbox) -> None:
    admin, token = piccolo_admin_browser(sandbox, "manager"), id_of(sandbox, sandbox.owner_key)
    assert change(admin, "api_token", token, networks=["192.0.2.0/24", "192.0.2.0/24"]).status_code == 200
    assert row_of(admin, "api_token", token)["networks"] == ["192.0.2.0/24"]
    wait_until(lambda: sandbox.get(JSON, **MAY).status_code == 403)
    assert change(admin, "api_token", token, networks=[]).status_code == 200
    wait_until(lambda: sandbox.get(JSON, **MAY).status_code == 200)


def test_a_key_can_expire_earlier_but_not_later(sandbox: Sandbox) -> None:
    admin, token = piccolo_admin_browser(sandbox, "manager"), id_of(sandbox, sandbox.owner_key)
    soon, later = datetime.now(UTC) + timedelta(days=1), datetime.now(UTC) + timedelta(days=30)
    assert change(admin, "api_token", token, expires_at=later.isoformat()).status_code == 200
    assert change(admin, "api_token", token, expires_at=soon.isoformat()).status_code == 200
    for refused in (later.isoformat(), None, (datetime.now(UTC) - timedelta(seconds=1)).isoformat()):
        response = change(admin, "api_token", token, expires_at=refused)
        assert (response.status_code, response.json()["column"]) == (422, "expires_at")
    assert stored_row(sandbox, "api_token", token)["expires_at"] == soon


def test_a_key_is_created_used_and_revoked(sandbox: Sandbox) -> None:
    admin = piccolo_admin_browser(sandbox, "manager")
    sent = {"name": "Warehouse", "advertiser": str(sandbox.owner), "scopes": ["cost-report"], "burst": 7}
    response = create(admin, "api_token", **sent)
    assert response.status_code == 201, response.text
    (key,) = response.json()
    assert sandbox.get(JSON, token=key["token"], **MAY).status_code == 200
    row = row_of(admin, "api_token", key["id"])
    assert (row["name"], row["scopes"], row["burst"]) == ("Warehouse", ["cost-report"], 7)
    assert row["created_by"].startswith("staff:")
    again = create(admin, "api_token", **sent)
    message = "Name: An active key named “Warehouse” already exists."
    assert (again.status_code, again.json()["custom_form_error"]) == (422, message)
    for column, value in ("advertiser", str(sandbox.rival)), ("scopes", ["singular"]):
        assert change(admin, "api_token", key["id"], **{column: value}).status_code == 422
    assert change(admin, "api_token", key["id"], revoked_at="2020-01-01T00:00:00Z").status_code == 200
    wait_until(lambda: sandbox.get(JSON, token=key["token"], **MAY).status_code == 401)
    assert change(admin, "api_token", key["id"], revoked_at=None).status_code == 422
    assert key["token"] not in admin.get(path_of("api_token")).text


@pytest.mark.parametrize(
    ("columns", "column"),
    [
        ({"scopes": []}, "scopes"),
        ({"scopes": ["ingest"]}, "scopes"),
        ({"advertiser": str(uuid4())}, "advertiser"),
        ({"advertiser": None}, "scopes"),
        ({"name": ""}, "name"),
        ({"networks": ["x"]}, "networks"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"revoked_at": "2020-01-01T00:00:00Z"}, "revoked_at"),
        ({"hint": "gokart"}, "hint"),
    ],
)
def test_an_invalid_key_is_not_created(module_sandbox: Sandbox, columns: dict[str, Any], column: str) -> None:
    sent = {"name": "Warehouse", "advertiser": str(module_sandbox.owner), "scopes": ["cost-report"]}
    response = create(piccolo_admin_browser(module_sandbox), "api_token", **(sent | columns))
    assert (response.status_code, response.json()["column"]) == (422, column)


def test_errors_are_sentences(sandbox: Sandbox) -> None:
    """Piccolo's page shows the text of `custom_form_error`, a JSON string, or for 405 `detail`; else it shows JSON."""
    admin = piccolo_admin_browser(sandbox)
    errors = {
        "Name: A value is required.": change(admin, "advertiser", sandbox.owner, name=" "),
        "API keys refer to it, so it cannot be deleted. Set its status to “archived” instead.": admin.delete(
            path_of("advertiser", sandbox.owner)
        ),
        "The column “x” does not exist.": change(admin, "advertiser", sandbox.owner, x=1),
        "This row does not exist.": admin.delete(path_of("staff", 4711)),
        "The body is too large.": change(admin, "advertiser", sandbox.owner, name="x" * 70_000),
        "Rows of this table cannot be deleted here.": admin.delete(path_of("api_token", 1)),
        "This requires the role “manager” or higher. Ask an owner for access.": change(
            piccolo_admin_browser(sandbox, "viewer"), "advertiser", sandbox.owner, name="x"
        ),
    }
    for text, response in errors.items():
        body = response.json()
        if response.status_code == 422:
            body = body["custom_form_error"]
        assert (body["detail"] if response.status_code == 405 else body) == text


def test_deactivating_a_user_signs_them_out(sandbox: Sandbox) -> None:
    admin = piccolo_admin_browser(sandbox)
    email, other = create_advertiser_user(sandbox), create_staff_user(sandbox, "viewer")
    portal, colleague = browser(sandbox), browser(sandbox)
    assert portal.sign_in(email).status_code == 303
    assert colleague.sign_in(other, root="/staff").status_code == 303
    for table, client, address, page in [
        ("advertiser_login", portal, email, "/account"),
        ("staff", colleague, other, "/staff/account"),
    ]:
        user = user_id(sandbox, table, address)
        assert client.get(page).status_code == 200
        assert change(admin, table, user, active="false").status_code == 200
        assert client.get(page).status_code == 303
        assert change(admin, table, user, active="true").status_code == 200
        assert client.get(page).status_code == 303


def test_required_two_factor_authentication_applies_to_the_owner_too(sandbox: Sandbox) -> None:
    admin = piccolo_admin_browser(sandbox)
    assert change(admin, "setting", 1, staff_totp_required="true").status_code == 200
    assert admin.get("/admin/").headers["location"] == "/staff/account/two-step"
    assert admin.get(path_of("setting", 1)).status_code == 403
    assert change(admin, "setting", 1, staff_totp_required="false").status_code == 403


# --- rejected changes ---


def test_read_only_columns_are_rejected_by_name(full: Sandbox) -> None:
    admin = piccolo_admin_browser(full)
    # The last use of a key is written in the background: waits for it before the row is read.
    wait_until(lambda: any(row["last_used_at"] for row in rows_of(admin, "api_token") if row["scopes"] == ["ingest"]))
    for table, rule in RULES.items():
        row = rows_of(admin, table)[0]
        id_ = row.pop("id")
        for name in row:
            if name in rule.checks:
                continue
            column = rule.column(name)
            other = another(row[name], column.value_type)
            for method in ("PUT", "PATCH"):
                response = admin.request(method, path_of(table, id_), json={name: other})
                assert response.status_code == 422, (table, name, response.text)
                assert response.json()["column"] == name
        assert row_of(admin, table, id_) == {"id": id_, **row}


def another(value: Any, type_: type) -> Any:
    """A different value of the same type."""
    if type_ is datetime:
        return "2020-01-01T00:00:00Z"
    if type_ is UUID:
        return str(uuid4())
    return ["other"] if type_ is list else 4711 if type_ is int else f"{value}x"[-10:]


def test_an_id_cannot_be_changed(full: Sandbox) -> None:
    admin = piccolo_admin_browser(full)
    for table in RULES:
        row = rows_of(admin, table)[0]["id"]
        other = str(uuid4()) if isinstance(row, str) else 4711
        for method in ("PUT", "PATCH"):
            response = admin.request(method, path_of(table, row), json={"id": other})
            assert (response.status_code, response.json()["column"]) == (422, "id")


NONSENSE: list[tuple[str, str, Any]] = [
    ("advertiser", "name", ""),
    ("advertiser", "name", "   "),
    ("advertiser", "name", None),
    ("advertiser", "name", "x" * 501),
    ("advertiser", "name", "two\nlines"),
    ("advertiser", "name", "a\0b"),
    ("advertiser", "name", ["Owner"]),
    ("advertiser", "name", {"a": 1}),
    ("advertiser", "name", 5),
    ("advertiser", "status", "deleted"),
    ("advertiser", "singular_enabled", "perhaps"),
    ("advertiser", "singular_enabled", None),
    ("advertiser", "contact_email", "nobody"),
    ("advertiser", "billing_email", "a@b@c"),
    ("advertiser", "currency", "EURO"),
    ("advertiser", "currency", "1€"),
    ("advertiser", "currency", "QQQ"),
    ("advertiser", "currency", "XAU"),
    ("offer", "os", "windows"),
    ("offer", "advertiser", "nonsense"),
    ("offer", "advertiser", None),
    ("api_token", "networks", ["somewhere"]),
    ("api_token", "networks", ["192.0.2.1/24"]),
    ("api_token", "networks", "192.0.2.0/24"),
    ("api_token", "networks", [["192.0.2.0/24"]]),
    ("api_token", "networks", None),
    ("api_token", "rate", "NaN"),
    ("api_token", "rate", "Infinity"),
    ("api_token", "rate", 0),
    ("api_token", "rate", -1),
    ("api_token", "burst", 0),
    ("api_token", "burst", 1.5),
    ("api_token", "burst", 10**12),
    ("api_token", "concurrency", "many"),
    ("api_token", "name", ""),
    ("advertiser_login", "scopes", []),
    ("advertiser_login", "scopes", ["ingest"]),
    ("advertiser_login", "name", "\x1b[31m"),
    ("staff", "role", "emperor"),
    ("staff", "active", 2),
    ("setting", "staff_totp_required", None),
]


def test_invalid_values_are_rejected_by_name(full: Sandbox) -> None:
    admin = piccolo_admin_browser(full)
    for table, column, value in NONSENSE:
        row = rows_of(admin, table)[0]["id"]
        before = stored_row(full, table, as_id(row))
        for method in ("PUT", "PATCH"):
            response = admin.request(method, path_of(table, row), json={column: value})
            assert response.status_code == 422, (table, column, value, response.text)
            assert response.json()["column"] == column
        assert stored_row(full, table, as_id(row)) == before


def test_an_unknown_column_is_rejected(full: Sandbox) -> None:
    admin = piccolo_admin_browser(full)
    for table, rule in RULES.items():
        row = rows_of(admin, table)[0]["id"]
        for name in ("nonsense", "_meta", "select", "digest", "password", "totp_secret", "recovery_codes", "key"):
            for method in ("PUT", "PATCH"):
                assert admin.request(method, path_of(table, row), json={name: 1}).status_code == 400
            if rule.create:
                assert create(admin, table, name="x", **({} if name == "name" else {name: 1})).status_code == 400


def test_the_body_must_be_an_object(module_sandbox: Sandbox) -> None:
    admin = piccolo_admin_browser(module_sandbox)
    for body in (b"", b"nonsense", b"[]", b"1", b"null", b'"x"', b'[{"name": "x"}]', b"\xff", b"{"):
        for method, row in [("PUT", module_sandbox.owner), ("PATCH", module_sandbox.owner), ("POST", None)]:
            assert admin.request(method, path_of("advertiser", row), content=body).status_code == 400, body


def test_a_body_that_is_too_large_is_rejected(module_sandbox: Sandbox) -> None:
    response = change(
        piccolo_admin_browser(module_sandbox), "advertiser", module_sandbox.owner, billing_address="x" * 70_000
    )
    assert response.status_code == 413


def test_an_unknown_row_is_not_found(module_sandbox: Sandbox) -> None:
    admin = piccolo_admin_browser(module_sandbox)
    gone = {"advertiser": [str(uuid4()), "1"], "staff": ["4711", "9" * 30, "-1"]}
    for table, row in [(table, row) for table, rows in gone.items() for row in rows]:
        for method in ("PUT", "PATCH", "DELETE"):
            assert admin.request(method, path_of(table, row), json={"name": "x"}).status_code == 404, (table, row)
        assert admin.get(path_of(table, row)).status_code in {400, 404}


def test_an_offer_of_an_unknown_advertiser_is_rejected(module_sandbox: Sandbox) -> None:
    response = create(piccolo_admin_browser(module_sandbox), "offer", name="Kettle", advertiser=str(uuid4()))
    message = {"custom_form_error": "It refers to a row that does not exist."}
    assert (response.status_code, response.json()) == (422, message)


def test_a_referenced_row_cannot_be_deleted(full: Sandbox) -> None:
    admin = piccolo_admin_browser(full)
    offer = rows_of(admin, "offer")[0]["id"]
    for table, row, other in [("advertiser", full.owner, "offer"), ("offer", offer, "conversion")]:
        response = admin.delete(path_of(table, row))
        assert response.status_code == 422
        assert "refer to it" in response.json()["custom_form_error"], other
        assert row_of(admin, table, row)


def test_an_unreferenced_row_can_be_deleted(sandbox: Sandbox) -> None:
    admin = piccolo_admin_browser(sandbox, "manager")
    for table, columns in [("advertiser", {}), ("partner", {}), ("offer", {"advertiser": str(sandbox.owner)})]:
        row = create(admin, table, name="Mistake", **columns).json()[0]["id"]
        assert admin.delete(path_of(table, row)).status_code == 204
        assert admin.get(path_of(table, row)).status_code == 404
        assert [entry["action"] for entry in audit(sandbox)[-2:]] == ["created", "deleted"]


def test_the_tenants_own_partner_cannot_be_deleted(sandbox: Sandbox) -> None:
    admin, id_ = piccolo_admin_browser(sandbox), sandbox.tenant.id
    for spelling in (str(id_), str(id_).upper(), id_.hex):
        assert admin.delete(path_of("partner", spelling)).status_code == 422
    assert row_of(admin, "partner", id_)["name"] == sandbox.tenant.name


def test_the_last_owner_cannot_be_demoted(sandbox: Sandbox) -> None:
    admin = piccolo_admin_browser(sandbox)
    me = user_id(sandbox, "staff", admin.get("/admin/api/user/").json()["username"])
    expected = {"custom_form_error": "There would be no owner left: make somebody else an owner first."}
    for response in (
        change(admin, "staff", me, role="viewer"),
        change(admin, "staff", me, active="false"),
        admin.delete(path_of("staff", me)),
    ):
        assert (response.status_code, response.json()) == (422, expected)
    create_staff_user(sandbox, "owner")
    assert change(admin, "staff", me, role="viewer").status_code == 200
    assert change(admin, "staff", me, role="owner").status_code == 403


def test_deleting_staff_signs_them_out(sandbox: Sandbox) -> None:
    admin, email = piccolo_admin_browser(sandbox), create_staff_user(sandbox, "manager")
    other = browser(sandbox)
    other.sign_in(email, root="/staff")
    assert admin.delete(path_of("staff", user_id(sandbox, "staff", email))).status_code == 204
    assert other.get(path_of("advertiser")).status_code == 401


@pytest.mark.parametrize("instant", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
@pytest.mark.parametrize("column", ["expires_at", "created_at"])
def test_an_impossible_time_is_rejected(module_sandbox: Sandbox, column: str, instant: str) -> None:
    token = id_of(module_sandbox, module_sandbox.owner_key)
    assert change(piccolo_admin_browser(module_sandbox), "api_token", token, **{column: instant}).status_code == 400
