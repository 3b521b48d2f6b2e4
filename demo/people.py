"""The demo's users. All have one password, which is generated and printed at each start."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from auth.scopes import ADVERTISER_SCOPES
from auth.users.one_time_links import create_link
from auth.users.realms import ADVERTISER, PLATFORM, STAFF, Realm
from auth.users.totp import ALPHABET
from database.transactions import transaction
from demo.cast import ACME, BROWN_BOOTS, DEMO, NORTHWIND, Cast, Company
from tenants.tenant import Tenant, bound_to

BOTH = ("cost-report", "singular")


class Colleague(msgspec.Struct, frozen=True):
    """A staff user. One who has not `joined` has an invitation and no password."""

    email: str
    name: str
    role: str
    joined: bool = True


class Login(msgspec.Struct, frozen=True):
    """An advertiser user."""

    email: str
    name: str
    company: Company
    scopes: tuple[str, ...] = BOTH
    joined: bool = True
    admin: bool = False


ANNA = Login("anna@brownboots.example", "Anna Castell", BROWN_BOOTS, ADVERTISER_SCOPES, admin=True)
NORA = Colleague("nora@limestone.example", "Nora Berg", "owner")
KIM = Colleague("kim@gokart.example", "Kim Lund", "owner")

LOGINS = {
    DEMO.slug: [
        ANNA,
        Login(BROWN_BOOTS.contact_email, BROWN_BOOTS.contact, BROWN_BOOTS, ("cost-report",)),
        Login("tom@brownboots.example", "Tom Adeyemi", BROWN_BOOTS, joined=False),
        Login(NORTHWIND.contact_email, NORTHWIND.contact, NORTHWIND),
    ],
    ACME.slug: [ANNA],
}
STAFF_OF = {
    DEMO.slug: [
        NORA,
        Colleague("marco@limestone.example", "Marco Silva", "manager"),
        Colleague("vera@limestone.example", "Vera Novak", "viewer"),
        Colleague("paul@limestone.example", "Paul Meyer", "viewer", joined=False),
    ],
    ACME.slug: [Colleague("owen@acme.example", "Owen Hart", "owner")],
}
PLATFORM_STAFF = [KIM, Colleague("lee@gokart.example", "Lee Tran", "viewer")]


class People(msgspec.Struct, frozen=True):
    """`platform`: the demo created the platform staff. An installation with other platform staff keeps them."""

    password: str
    platform: bool


async def make_people(tenants: list[tuple[Tenant, Cast]]) -> People:
    """Creates the users, and resets the password, role, status and two-factor setup of those who joined."""
    password = "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(4))
    staff, login = await STAFF.hasher.hash(password), await ADVERTISER.hasher.hash(password)
    async with transaction() as db:
        platform: bool = await db.fetchval(
            "SELECT NOT EXISTS (SELECT FROM staff) OR EXISTS (SELECT FROM staff WHERE email = $1)", KIM.email
        )
        for number, one in enumerate(PLATFORM_STAFF if platform else []):
            await put(PLATFORM, one, staff, number, role=one.role)
        for tenant, cast in tenants:
            ids = {advertiser.name: advertiser.id for advertiser in cast.advertisers}
            with bound_to(tenant):
                for number, one in enumerate(STAFF_OF[cast.slug]):
                    await put(STAFF, one, staff, number, role=one.role)
                for number, who in enumerate(LOGINS[cast.slug]):
                    columns = {"advertiser": ids[who.company.name], "scopes": list(who.scopes), "admin": who.admin}
                    await put(ADVERTISER, who, login, number, **columns)
    return People(password, platform)


async def put(realm: Realm, who: Colleague | Login, hashed: str, number: int, **columns: Any) -> None:
    table = f"{realm.schema}.{realm.table}"
    now = datetime.now(UTC)
    values = {"email": who.email, "name": who.name, "created_at": now - timedelta(days=90 - 11 * number), **columns}
    if who.joined:
        values |= {"password": hashed, "last_sign_in_at": now - timedelta(hours=3 + 19 * number)}
    marks = ", ".join(f"${n}" for n in range(1, len(values) + 1))
    again = "NOTHING"
    if who.joined:
        as_made = ", ".join(f"{name} = excluded.{name}" for name in ("password", *columns))
        again = f"UPDATE SET {as_made}, active = true, totp_secret = NULL, totp_step = NULL, recovery_codes = '{{}}'"
    async with transaction() as db:
        made = await db.fetchval(
            f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks}) ON CONFLICT (email) DO {again} RETURNING id",
            *values.values(),
        )
    if made and not who.joined:
        await create_link(realm, made, "invitation", f"{STAFF.name}:{NORA.email}")  # never shown
