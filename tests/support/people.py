"""Users, and HTTP clients that act as their browsers: they keep cookies and send the `Origin` header with forms."""

from ipaddress import ip_address
from typing import Any
from uuid import UUID, uuid4

import httpx

from auth.users import sessions
from auth.users.passwords import ARGON2, PBKDF2
from auth.users.realms import ADVERTISER, PLATFORM, STAFF, Realm
from auth.users.users import find_user, read_email
from database.transactions import transaction
from tests.support.app_calls import run, run_in_tenant
from tests.support.database import execute
from tests.support.sandbox import Sandbox

PASSWORD = "correct horse battery"
HASHED = {hasher: hasher._hash(PASSWORD) for hasher in (ARGON2, PBKDF2)}


def insert_user(sandbox: Sandbox | None, realm: Realm, **columns: Any) -> str:
    """Creates a user whose password is PASSWORD: platform staff if `sandbox` is None. Returns the email address."""
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
    """Creates a user of `advertiser`, by default of the sandbox's owner. Returns the email address."""
    return insert_user(sandbox, ADVERTISER, advertiser=advertiser or sandbox.owner, **columns)


def create_platform_staff(role: str = "owner", **columns: Any) -> str:
    return insert_user(None, PLATFORM, role=role, **columns)


class Browser(httpx.Client):
    """A client of one host: every request has its `Host` and `Origin` headers. It does not follow redirects.

    Each has its own cookies. All share the connections of `http`, which closes them.
    """

    def __init__(self, http: httpx.Client, host: str, **options: Any) -> None:
        self.host = host
        headers = {"Host": host, "Origin": f"http://{host}", **options.pop("headers", {})}
        super().__init__(base_url=http.base_url, transport=http._transport, headers=headers, timeout=120, **options)

    def sign_in(self, email: str, password: str = PASSWORD, root: str = "") -> httpx.Response:
        return self.post(f"{root}/sign-in", data={"email": email, "password": password})


def browser(sandbox: Sandbox, **options: Any) -> Browser:
    """A client of the sandbox's app host that is not signed in."""
    return Browser(sandbox.http, f"app.{sandbox.tenant.slug}.localhost", **options)


def platform_browser(sandbox: Sandbox, **options: Any) -> Browser:
    return Browser(sandbox.http, "admin.localhost", **options)


def session_cookie(sandbox: Sandbox | None, realm: Realm, email: str) -> dict[str, str]:
    """The cookie of a new session, created without the login form."""

    async def work() -> str:
        user = await find_user(realm, email)
        assert user, f"no user has the address {email}"
        return await sessions.create_session(realm, user.id, address=ip_address("127.0.0.1"), user_agent="tests")

    token = run(work) if sandbox is None else run_in_tenant(sandbox.tenant.slug, work)
    return {realm.cookie(secure=False): token}


def staff_browser(sandbox: Sandbox, role: str = "owner", **columns: Any) -> Browser:
    """A client that is signed in as a new staff user."""
    return browser(sandbox, cookies=session_cookie(sandbox, STAFF, create_staff_user(sandbox, role, **columns)))


def advertiser_browser(sandbox: Sandbox, advertiser: UUID | None = None, **columns: Any) -> Browser:
    """A client that is signed in as a new user of the advertiser."""
    return browser(
        sandbox, cookies=session_cookie(sandbox, ADVERTISER, create_advertiser_user(sandbox, advertiser, **columns))
    )


def platform_staff_browser(sandbox: Sandbox, role: str = "owner", **columns: Any) -> Browser:
    """A client that is signed in as a new platform staff user."""
    return platform_browser(sandbox, cookies=session_cookie(None, PLATFORM, create_platform_staff(role, **columns)))


def audit(sandbox: Sandbox | None = None) -> list[dict[str, Any]]:
    """The audit log, oldest first: the sandbox's, or the platform's."""
    schema = sandbox.tenant.schema if sandbox else "public"
    return execute("SELECT * FROM {s}.audit_log ORDER BY id", schema=schema)
