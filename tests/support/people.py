"""People who sign in, and browsers without a browser: clients that keep cookies and say where a form was sent from."""

from ipaddress import ip_address
from typing import Any
from uuid import UUID, uuid4

import httpx
from argon2 import PasswordHasher
from piccolo.apps.user.tables import BaseUser

from auth.users import sessions
from auth.users.passwords import ARGON2, PBKDF2
from auth.users.realms import ADVERTISER, PLATFORM, STAFF, Realm
from auth.users.users import find_user, read_email
from database.pool import transaction
from tests.support.app_calls import run, run_in_tenant
from tests.support.database import execute
from tests.support.sandbox import Sandbox

PASSWORD = "correct horse battery"
# As the app keeps it, but quick to check: how much work that is stands in the hash.
HASHED = {
    ARGON2: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD),
    PBKDF2: BaseUser.hash_password(PASSWORD, iterations=1),
}


def insert_user(sandbox: Sandbox | None, realm: Realm, **columns: Any) -> str:
    """Somebody with PASSWORD; of the platform where there is no sandbox. Returns the e-mail address."""
    email = read_email(columns.pop("email", f"{realm.name}-{uuid4().hex[:8]}@example.com"))
    values = {"email": email, "name": email.partition("@")[0].title(), **columns}

    async def work() -> None:
        names = ", ".join([*values, "password"])
        marks = ", ".join(f"${n}" for n in range(1, len(values) + 2))
        async with transaction() as db:
            await db.execute(
                f"INSERT INTO {realm.schema}.{realm.table} ({names}) VALUES ({marks})",
                *values.values(),
                HASHED[realm.hasher],
            )

    if sandbox is None:
        run(work)
    else:
        run_in_tenant(sandbox.tenant.slug, work)
    return email


def create_staff_user(sandbox: Sandbox, role: str = "owner", **columns: Any) -> str:
    return insert_user(sandbox, STAFF, role=role, **columns)


def create_advertiser_user(sandbox: Sandbox, advertiser: UUID | None = None, **columns: Any) -> str:
    """Of the sandbox's owner unless another advertiser is given."""
    return insert_user(sandbox, ADVERTISER, advertiser=advertiser or sandbox.owner, **columns)


def create_platform_staff(role: str = "owner", **columns: Any) -> str:
    return insert_user(None, PLATFORM, role=role, **columns)


class Browser(httpx.Client):
    """At one host, which all its requests name, and its forms as their origin. Follows no redirect.

    It has cookies of its own; the connections are those of the tests' one client, which closes them.
    """

    def __init__(self, http: httpx.Client, host: str, **options: Any) -> None:
        self.host = host
        headers = {"Host": host, "Origin": f"http://{host}", **options.pop("headers", {})}
        super().__init__(base_url=http.base_url, transport=http._transport, headers=headers, timeout=120, **options)

    def sign_in(self, email: str, password: str = PASSWORD, root: str = "") -> httpx.Response:
        return self.post(f"{root}/sign-in", data={"email": email, "password": password})


def browser(sandbox: Sandbox, **options: Any) -> Browser:
    """At the sandbox's app host, with nobody signed in."""
    return Browser(sandbox.http, f"app.{sandbox.tenant.slug}.localhost", **options)


def platform_browser(sandbox: Sandbox, **options: Any) -> Browser:
    return Browser(sandbox.http, "admin.localhost", **options)


def session_cookie(sandbox: Sandbox | None, realm: Realm, email: str) -> dict[str, str]:
    """Of a session made past the form, for tests of other matters."""

    async def work() -> str:
        person = await find_user(realm, email)
        assert person, f"there is no {email}"
        return await sessions.create_session(realm, person.id, address=ip_address("127.0.0.1"), user_agent="tests")

    token = run(work) if sandbox is None else run_in_tenant(sandbox.tenant.slug, work)
    return {realm.cookie(secure=False): token}


def staff_browser(sandbox: Sandbox, role: str = "owner", **columns: Any) -> Browser:
    """A new member of staff, signed in."""
    return browser(sandbox, cookies=session_cookie(sandbox, STAFF, create_staff_user(sandbox, role, **columns)))


def advertiser_browser(sandbox: Sandbox, advertiser: UUID | None = None, **columns: Any) -> Browser:
    """A new person of the advertiser's, signed in."""
    return browser(
        sandbox, cookies=session_cookie(sandbox, ADVERTISER, create_advertiser_user(sandbox, advertiser, **columns))
    )


def platform_staff_browser(sandbox: Sandbox, role: str = "owner", **columns: Any) -> Browser:
    """A new member of the platform's staff, signed in."""
    return platform_browser(sandbox, cookies=session_cookie(None, PLATFORM, create_platform_staff(role, **columns)))


def audit(sandbox: Sandbox | None = None) -> list[dict[str, Any]]:
    """The audit log, oldest first: the sandbox's, or the platform's."""
    schema = sandbox.tenant.schema if sandbox else "public"
    return execute("SELECT * FROM {s}.audit_log ORDER BY id", schema=schema)
