"""Creates and rotates API keys through the portal's forms, and reads the resulting pages."""

import re
from typing import Any

from tests.support.database import execute
from tests.support.html_page import Page
from tests.support.people import Browser
from tests.support.sandbox import Sandbox

TOKEN = re.compile(r"gokart_[0-9A-Za-z]{39}")
BOTH = ["cost-report", "singular"]


def keys(sandbox: Sandbox, name: str) -> list[dict[str, Any]]:
    return execute("SELECT * FROM {s}.api_token WHERE name = $1 ORDER BY id", name, schema=sandbox.tenant.schema)


def set_key(sandbox: Sandbox, name: str, assignment: str) -> None:
    execute(f"UPDATE {{s}}.api_token SET {assignment} WHERE name = $1", name, schema=sandbox.tenant.schema)


def post_new_key(client: Browser, name: str = "Nightly", scopes: list[str] | None = None, **fields: str) -> Any:
    data = {"name": name, "scopes": BOTH if scopes is None else scopes, "expiry": "365", **fields}
    return client.post("/keys/new", data=data)


def create_key(client: Browser, sandbox: Sandbox, name: str = "Nightly", **fields: Any) -> tuple[int, str]:
    """Returns the API key's id and its token."""
    response = post_new_key(client, name, **fields)
    assert response.status_code == 201, response.text
    return keys(sandbox, name)[-1]["id"], token_in(response.text)


def token_in(html: str) -> str:
    (token,) = set(TOKEN.findall(html))
    return str(token)


def errors(html: str) -> dict[str, str]:
    """The form's error messages by field."""
    found = [e for e in Page(html).all("small") if e.attributes.get("id", "").endswith("-error")]
    return {e.attributes["id"].removesuffix("-error"): e.text for e in found}


def rotation(grace: str = "168", expiry: str = "365", **fields: str) -> dict[str, str]:
    return {"grace": grace, "expiry": expiry, **fields}


def table_rows(html: str) -> list[list[str]]:
    rows: list[list[str]] = []
    for element in Page(html).elements:
        if element.tag == "tr":
            rows.append([])
        elif element.tag in {"td", "th"}:
            rows[-1].append(element.text)
    return rows
