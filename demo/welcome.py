"""What `gokart demo` prints: URLs, logins, API keys and curl commands."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from shlex import quote
from uuid import UUID, uuid4

import click
import msgspec

from auth.api_keys import service as api_keys
from auth.api_keys.tables import ApiKey
from auth.scopes import ADVERTISER_SCOPES, INGEST
from core.timestamps import iso
from demo.cast import ACME, DEMO, Cast
from demo.changes import FirstChanges
from demo.history import json
from demo.people import ANNA, KIM, NORA, PLATFORM_STAFF, STAFF_OF, People
from settings import settings
from tenants.commands import operator
from tenants.tenant import Tenant, bound_to

MADE_BY = "gokart demo"
REPORT = "/api/v1/integrations/cost-report"
REPORTS = "/api/v1/reports"


class DemoApiKeys(msgspec.Struct, frozen=True):
    advertiser: str
    ingest: str


class DemoAccess(msgspec.Struct, frozen=True):
    """The credentials that work until the next start: API keys by tenant slug, and users.

    `changes` are those of the first advertiser, to ask for.
    """

    api_keys: dict[str, DemoApiKeys]
    people: People
    changes: FirstChanges | None


async def create_demo_api_keys(tenant: Tenant, cast: Cast) -> DemoApiKeys:
    """Creates new keys, because a key is shown only once, and revokes those of earlier starts."""
    with bound_to(tenant):
        earlier = ApiKey.select(ApiKey.id).where((ApiKey.name == MADE_BY) & ApiKey.revoked_at.is_null())
        for key in await earlier.output(as_list=True):
            await api_keys.revoke_api_key(key)
        return DemoApiKeys(
            advertiser=await create_demo_api_key(ADVERTISER_SCOPES, cast.advertisers[0].id),
            ingest=await create_demo_api_key([INGEST], None),
        )


async def create_demo_api_key(scopes: tuple[str, ...] | list[str], advertiser: UUID | None) -> str:
    minted = await api_keys.create_api_key(name=MADE_BY, scopes=scopes, advertiser=advertiser, created_by=operator())
    return minted.token


async def ingest_key_id(tenant: Tenant) -> int:
    """Of the demo's active ingest key."""
    with bound_to(tenant):
        active = (ApiKey.name == MADE_BY) & ApiKey.advertiser.is_null() & ApiKey.revoked_at.is_null()
        (key,) = await ApiKey.select(ApiKey.id).where(active).output(as_list=True)
        return int(key)


def show_access(access: DemoAccess, port: int) -> None:
    for heading, lines in sections(access, port, datetime.now(UTC)):
        click.secho(f"\n{heading}", bold=True)
        for line in lines:
            click.echo(f"  {line}")
    click.echo()


def sections(access: DemoAccess, port: int, now: datetime) -> Iterator[tuple[str, list[str]]]:
    demo, acme, keys = api_url(DEMO, port), api_url(ACME, port), access.api_keys
    yield f"{DEMO.name} (tenant {DEMO.slug})", [f"API    {demo}", f"Docs   {demo}/docs"]
    yield f"{ACME.name} (tenant {ACME.slug})", [f"API    {acme}", f"Docs   {acme}/docs"]
    yield "Sign in (one password for all, new at each start)", login_lines(access.people, port)
    yield "API keys (new at each start; the earlier ones are revoked)", api_key_lines(keys)
    advertiser_key, ingest_key = keys[DEMO.slug].advertiser, keys[DEMO.slug].ingest
    month = days_until(now, 30)
    yield "Cost report of the last 30 days, JSON", curl_get(advertiser_key, f"{demo}{REPORT}/json?{month}")
    yield "Cost report of the last 30 days, CSV", curl_get(advertiser_key, f"{demo}{REPORT}/csv?{month}")
    yield (
        "Singular report of the last 7 days",
        curl_get(advertiser_key, f"{demo}{REPORT}/singular/json?{days_until(now, 7)}"),
    )
    query = "period=last_30_days&group_by=week,partner&metrics=cost,conversions,costPerConversion&format=csv"
    yield (
        f"Cost by week and partner, in the time zone of {DEMO.advertisers[0].name}",
        curl_get(advertiser_key, f"{demo}{REPORTS}/query?{query}"),
    )
    if changes := access.changes:
        yield (
            "The first figures that changed after the history was imported",
            curl_get(advertiser_key, f"{demo}{REPORTS}/changes?since={changes.cursor}&limit=10"),
        )
        explain = f"date={changes.day}&offer_id={changes.offer}&partner_id={changes.partner}"
        yield (
            "What changed one of these days",
            curl_get(advertiser_key, f"{demo}{REPORTS}/changes/explain?{explain}"),
        )
    yield (
        "Rejected conversions of the last 30 days, with their histories",
        curl_get(advertiser_key, f"{demo}/api/v1/conversions?status=Rejected&{month}"),
    )
    yield (
        "Send a conversion, then request the report again",
        curl_post(ingest_key, f"{demo}/api/v1/ingest/conversions", now),
    )


def api_url(cast: Cast, port: int) -> str:
    return demo_url(f"api.{cast.slug}", port)


def demo_url(host: str, port: int) -> str:
    return f"http://{host}.{settings.base_host}:{port}"


def login_lines(people: People, port: int) -> list[str]:
    demo, acme = demo_url(f"app.{DEMO.slug}", port), demo_url(f"app.{ACME.slug}", port)
    main = [
        ("Portal", f"{demo}/", ANNA.email),
        ("Admin", f"{demo}/staff", NORA.email),
        ("Database", f"{demo}/admin/", NORA.email),
        (
            "Platform admin",
            f"{demo_url('admin', port)}/",
            KIM.email if people.platform else "(uses its existing staff)",
        ),
        ("Another tenant", f"{acme}/", ANNA.email),
    ]
    width = max(len(place) for _, place, _ in main)
    colleagues = STAFF_OF[DEMO.slug] + (PLATFORM_STAFF if people.platform else [])
    others = [one for one in colleagues if one.joined and one.role != "owner"]
    return [
        f"{'Password':15} {people.password}",
        *(f"{what:15} {place:{width}}  {email}" for what, place, email in main),
        f"{'Other roles':15} {', '.join(f'{one.email} ({one.role})' for one in others)}",
    ]


def api_key_lines(keys: dict[str, DemoApiKeys]) -> list[str]:
    lines = []
    for cast in DEMO, ACME:
        advertiser = cast.advertisers[0].name
        lines += [
            f"{cast.slug:5} {advertiser:12} {keys[cast.slug].advertiser}",
            f"{cast.slug:5} {'ingest key':12} {keys[cast.slug].ingest}",
        ]
    return lines


def days_until(now: datetime, count: int) -> str:
    """The filter for the last `count` days, including today."""
    return f"date_from={(now - timedelta(days=count - 1)).date()}&date_to={now.date()}"


def curl_get(token: str, url: str) -> list[str]:
    return [f"curl -H {quote(f'Authorization: ApiToken {token}')} \\", f"  {quote(url)}"]


def curl_post(token: str, url: str, now: datetime) -> list[str]:
    offer = DEMO.offers[0]
    happened = iso(now, "milliseconds")
    conversion = {
        "conversionId": uuid4(),
        "status": "Success",
        "offerId": offer.id,
        "partnerId": None,
        "revenue": offer.payout,
        "userCompletedAt": happened,
    }
    body = json.encode({"id": uuid4(), "sentAt": happened, "conversion": conversion}).decode()
    return [
        f"curl -H {quote(f'Authorization: ApiToken {token}')} -H 'Content-Type: application/json' \\",
        f"  -d {quote(body)} \\",
        f"  {quote(url)}",
    ]
