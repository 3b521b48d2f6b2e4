"""Pages of the platform admin."""

import re
from html import unescape
from uuid import uuid4

import httpx

from tenants import lifecycle, migrations
from tests.support.app_calls import run
from tests.support.people import Browser, platform_staff_browser
from tests.support.sandbox import Sandbox


def signed_in(sandbox: Sandbox, role: str = "manager", **columns: str) -> Browser:
    """A client of admin.<base> that is signed in as new platform staff. Only the connections are the sandbox's."""
    return platform_staff_browser(sandbox, role, **columns)


def main_text(response: httpx.Response) -> str:
    """The text of the page's main part, without tags."""
    assert response.status_code in {200, 201, 400, 409}, response.text
    main = response.text.partition("<main")[2].partition("</main>")[0]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", main)).split())


def link_in(response: httpx.Response) -> str:
    """The one-time link that the page shows."""
    assert response.status_code == 201, response.text
    found = re.search(r'<code id="link">(.*?)</code>', response.text)
    assert found
    return unescape(found[1])


def new_slug() -> str:
    return f"t{uuid4().hex[:12]}"


def outdated_tenant() -> str:
    """Creates a tenant that has only the first migration, and returns its slug."""
    slug = new_slug()
    modules = migrations.migration_modules
    first = min(modules())
    migrations.migration_modules = lambda: {first: modules()[first]}  # type: ignore[assignment]
    try:
        run(lambda: lifecycle.create_tenant(slug, f"{slug} Media"))
    finally:
        migrations.migration_modules = modules
    return slug
