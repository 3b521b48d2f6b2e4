"""Sends requests as Piccolo Admin's page does."""

from typing import Any
from uuid import UUID

import httpx

from tests.support.database import execute
from tests.support.people import Browser, create_advertiser_user, staff_browser
from tests.support.sandbox import MAY, SINGULAR, Sandbox, conversion_callback, event_record, offer_record

TABLES = "/admin/api/tables"
TOKEN = "X-CSRFToken"


def with_page_open(client: Browser) -> Browser:
    """Opens the page: later requests of the client have the page's CSRF token."""
    assert client.get("/admin/").status_code == 200
    client.headers[TOKEN] = client.cookies["csrftoken"]
    return client


def piccolo_admin_browser(sandbox: Sandbox, role: str = "owner", **columns: Any) -> Browser:
    """A client that is signed in as a new staff user and has the page open."""
    return with_page_open(staff_browser(sandbox, role, **columns))


def fill(sandbox: Sandbox) -> Sandbox:
    """Creates at least one row in every table."""
    offer = offer_record(sandbox, name="Velvet Kettle", os="IOS", storeId="1234")
    sandbox.send("offers", [offer])
    sandbox.send("conversions", [conversion_callback(sandbox, offer["id"], revenue="60.5")])
    sandbox.send("events", [event_record(offer["id"]), {"id": "nonsense"}])
    create_advertiser_user(sandbox)
    assert sandbox.get(SINGULAR, **MAY).status_code == 200
    return sandbox


def path_of(table: str, row: UUID | int | str | None = None) -> str:
    return f"{TABLES}/{table}/" + ("" if row is None else f"{row}/")


def row_of(client: Browser, table: str, row: UUID | int | str) -> dict[str, Any]:
    response = client.get(path_of(table, row))
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def rows_of(client: Browser, table: str, **params: Any) -> list[dict[str, Any]]:
    response = client.get(path_of(table), params=params)
    assert response.status_code == 200, response.text
    rows: list[dict[str, Any]] = response.json()["rows"]
    return rows


def change(client: Browser, table: str, row: UUID | int | str, **columns: Any) -> httpx.Response:
    return client.patch(path_of(table, row), json=columns)


def create(client: Browser, table: str, **columns: Any) -> httpx.Response:
    return client.post(path_of(table), json=columns)


def stored_row(sandbox: Sandbox, table: str, row: UUID | int) -> dict[str, Any]:
    """The row in the database, without an API key's last use, which is written some time after it."""
    (found,) = execute(f"SELECT * FROM {{s}}.{table} WHERE id = $1", row, schema=sandbox.tenant.schema)
    return {name: value for name, value in found.items() if name not in {"last_used_at", "last_used_from"}}


def user_id(sandbox: Sandbox, table: str, email: str) -> int:
    (found,) = execute(f"SELECT id FROM {{s}}.{table} WHERE email = $1", email, schema=sandbox.tenant.schema)
    id_: int = found["id"]
    return id_
