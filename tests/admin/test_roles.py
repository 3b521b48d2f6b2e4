"""What each staff role may do: every form of the staff pages, submitted by each role."""

import re
from uuid import uuid4

import pytest
from litestar.routes import HTTPRoute

from page_sites import ADMIN
from tests.support.database import execute
from tests.support.people import Browser, audit, create_advertiser_user, create_staff_user, staff_browser
from tests.support.sandbox import Sandbox, conversion_callback, event_record, offer_record

THEIR_OWN = tuple(
    f"/staff/{path}" for path in ("sign-in", "sign-out", "forgot", "link", "account", "views", "unsubscribe")
)
PATHS = sorted(
    (str(route.path), method)
    for route in ADMIN.routes
    if isinstance(route, HTTPRoute) and not str(route.path).startswith(THEIR_OWN)
    for method in route.methods & {"GET", "POST", "PUT", "PATCH", "DELETE"}
)
# Changes what only the user sees.
OWN = {"/staff/keys/dismiss-reminder", "/staff/advertisers/{advertiser:uuid}/view", "/staff/view/stop"}
FORMS = [path for path, method in PATHS if method != "GET" and path not in OWN]
OWNERS = [path for path in FORMS if path.startswith(("/staff/people/staff", "/staff/settings"))] + [
    "/staff/people/logins/{user_id:int}/two-step"
]
MANAGERS = [path for path in FORMS if path not in OWNERS]
KINDS = ["advertisers", "offers", "partners"]
SEEN_BY_ALL = [
    "/staff",
    "/staff/export",
    "/staff/intake",
    "/staff/intake/rejected",
    "/staff/intake/rejected/causes/{cause:uuid}",
    "/staff/intake/rejected/{record:int}",
    "/staff/keys",
    "/staff/keys/{key_id:int}/first-record",
    "/staff/people",
    "/staff/singular",
    "/staff/singular/{advertiser:uuid}",
    "/staff/advertisers/options",
    *(f"/staff/{kind}{page}" for kind in KINDS for page in ("", "/export", "/{row_id:uuid}")),
    *(
        f"/staff/advertisers/{{row_id:uuid}}/{page}{file}"
        for page in ("changes", "conversions")
        for file in ("", ".csv")
    ),
    "/staff/advertisers/{row_id:uuid}/conversions/{conversion:uuid}",
    "/staff/corrections",
    "/staff/audit",
    "/staff/audit/export",
    "/staff/requests",
]


@pytest.fixture(scope="module")
def people(module_sandbox: Sandbox) -> dict[str, Browser]:
    create_staff_user(module_sandbox, "owner")  # stays active while the tests change the others
    return {role: staff_browser(module_sandbox, role) for role in ("owner", "manager", "viewer")}


@pytest.fixture(scope="module")
def url_of(module_sandbox: Sandbox) -> dict[str, str]:
    """The path with the ids of existing rows."""
    login, staff = create_advertiser_user(module_sandbox), create_staff_user(module_sandbox, "viewer")
    offer = offer_record(module_sandbox)
    module_sandbox.send("offers", [offer])
    module_sandbox.send("events", [event_record(offer["id"])])  # so that the offer cannot be deleted
    module_sandbox.send("events", [event_record(str(uuid4()))])  # is rejected
    callback = conversion_callback(module_sandbox, offer["id"])
    module_sandbox.send("conversions", [callback])
    tables = {
        "key_id": ("api_token", ""),
        "advertiser": ("advertiser", ""),
        "record": ("rejected_record", ""),
        "cause": ("rejected_record", ""),
    }

    def url(path: str) -> str:
        if "{conversion" in path:
            return f"/staff/advertisers/{module_sandbox.owner}/conversions/{callback['conversion']['conversionId']}"
        table, where = tables.get(next(iter(re.findall(r"\{(\w+):", path)), ""), ("", ""))
        if "{user_id" in path:
            table, email = ("staff", staff) if path.startswith("/staff/people/staff") else ("advertiser_login", login)
            where = f"WHERE email = '{email}'"
        if "{row_id" in path or path.endswith("/status"):
            table = path.split("/")[2].removesuffix("s")
        if path.endswith("/first-record"):
            where = "WHERE 'ingest' = ANY (scopes)"
        if not table:
            return path
        column = "cause" if "{cause" in path else "id"
        (row,) = execute(
            f"SELECT {column} AS id FROM {{s}}.{table} {where} ORDER BY id LIMIT 1", schema=module_sandbox.tenant.schema
        )
        query = f"?to=archived&id={row['id']}" if path.endswith("/status") else ""
        return re.sub(r"\{\w+:\w+\}", str(row["id"]), path) + query

    return {path: url(path) for path, _ in PATHS}


def test_there_are_forms_to_try() -> None:
    assert len(OWNERS) >= 8
    assert len(MANAGERS) >= 12


@pytest.mark.parametrize("path", FORMS)
def test_a_viewer_can_send_no_form(
    module_sandbox: Sandbox, people: dict[str, Browser], url_of: dict[str, str], path: str
) -> None:
    before = audit(module_sandbox)
    response = people["viewer"].post(url_of[path])
    assert response.status_code == 403
    assert "Ask an owner" in response.text
    assert audit(module_sandbox) == before


@pytest.mark.parametrize("path", OWNERS)
def test_a_manager_can_send_no_form_about_staff(
    module_sandbox: Sandbox, people: dict[str, Browser], url_of: dict[str, str], path: str
) -> None:
    before = audit(module_sandbox)
    assert people["manager"].post(url_of[path]).status_code == 403
    assert audit(module_sandbox) == before


@pytest.mark.parametrize("path", MANAGERS)
def test_a_manager_can_send_the_other_forms(people: dict[str, Browser], url_of: dict[str, str], path: str) -> None:
    """The forms are sent empty: each has an effect or responds with a validation error."""
    assert people["manager"].post(url_of[path]).status_code in {201, 303, 400, 409}


@pytest.mark.parametrize("path", OWNERS)
def test_an_owner_can_send_them_too(people: dict[str, Browser], url_of: dict[str, str], path: str) -> None:
    assert people["owner"].post(url_of[path]).status_code in {201, 303, 400, 409}


@pytest.mark.parametrize("path", [path for path, method in PATHS if method == "GET"])
def test_a_viewer_sees_pages_and_no_form_that_changes_anything(
    people: dict[str, Browser], url_of: dict[str, str], path: str
) -> None:
    response = people["viewer"].get(url_of[path])
    assert response.status_code == (200 if path in SEEN_BY_ALL else 403)
    forms = re.findall(r'<form[^>]*method="post"[^>]*>', response.text)
    assert [form for form in forms if not re.search(r'/staff/(sign-out|views)"|/view"', form)] == []
    assert not re.search(
        r'href="[^"]*/(new|new-ingest|rotate|revoke|move|staff/\d+|logins/\d+|settings)"', response.text
    )


@pytest.mark.parametrize("path", [path for path, method in PATHS if method == "GET"])
def test_an_owner_sees_every_page(people: dict[str, Browser], url_of: dict[str, str], path: str) -> None:
    assert people["owner"].get(url_of[path]).status_code in {200, 409}  # 409: a key that has already been rotated


def test_settings_are_offered_to_owners_alone(people: dict[str, Browser]) -> None:
    assert 'href="/staff/settings"' in people["owner"].get("/staff").text
    assert 'href="/staff/settings"' not in people["manager"].get("/staff").text


def test_deactivation_and_demotion_apply_to_the_next_request(sandbox: Sandbox) -> None:
    owner, manager = staff_browser(sandbox), staff_browser(sandbox, "manager", email="m@example.com")
    (row,) = execute("SELECT id FROM {s}.staff WHERE email = 'm@example.com'", schema=sandbox.tenant.schema)
    assert manager.get("/staff/keys/new").status_code == 200
    owner.post(f"/staff/people/staff/{row['id']}/role", data={"role": "viewer"})
    assert manager.get("/staff/keys/new").status_code == 403
    owner.post(f"/staff/people/staff/{row['id']}/active", data={"active": "off"})
    assert manager.get("/staff").status_code == 303
