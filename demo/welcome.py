"""What `gokart demo` prints: where everything is, who signs in there, tokens, and lines to paste."""

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
from demo.history import json
from demo.people import ANNA, KIM, NORA, PLATFORM_STAFF, STAFF_OF, People
from settings import settings
from tenants.commands import operator
from tenants.tenant import Tenant, bound_to

MADE_BY = "gokart demo"
REPORT = "/api/v1/integrations/cost-report"


class Tokens(msgspec.Struct, frozen=True):
    advertiser: str
    ingest: str


class Opened(msgspec.Struct, frozen=True):
    """What opens the demo until its next start: the tokens of each tenant, and the people."""

    tokens: dict[str, Tokens]
    people: People


async def make_tokens(tenant: Tenant, cast: Cast) -> Tokens:
    """New ones, since a token is only ever shown once; those of an earlier run are revoked."""
    with bound_to(tenant):
        earlier = ApiKey.select(ApiKey.id).where((ApiKey.name == MADE_BY) & ApiKey.revoked_at.is_null())
        for key in await earlier.output(as_list=True):
            await api_keys.revoke_api_key(key)
        return Tokens(
            advertiser=await make_token(ADVERTISER_SCOPES, cast.advertisers[0].id),
            ingest=await make_token([INGEST], None),
        )


async def make_token(scopes: tuple[str, ...] | list[str], advertiser: UUID | None) -> str:
    minted = await api_keys.create_api_key(name=MADE_BY, scopes=scopes, advertiser=advertiser, created_by=operator())
    return minted.token


def show(opened: Opened, port: int) -> None:
    for heading, lines in sections(opened, port, datetime.now(UTC)):
        click.secho(f"\n{heading}", bold=True)
        for line in lines:
            click.echo(f"  {line}")
    click.echo()


def sections(opened: Opened, port: int, now: datetime) -> Iterator[tuple[str, list[str]]]:
    demo, acme, tokens = base(DEMO, port), base(ACME, port), opened.tokens
    yield f"{DEMO.name} (tenant {DEMO.slug})", [f"API    {demo}", f"Docs   {demo}/docs"]
    yield f"{ACME.name} (tenant {ACME.slug})", [f"API    {acme}", f"Docs   {acme}/docs"]
    yield "Sign in (one password for all, new at each start)", login_lines(opened.people, port)
    yield "Tokens (new at each start, the earlier ones are revoked)", token_lines(tokens)
    mine, ingest = tokens[DEMO.slug].advertiser, tokens[DEMO.slug].ingest
    month = days_until(now, 30)
    yield "Cost report of the last 30 days, JSON", get(mine, f"{demo}{REPORT}/json?{month}")
    yield "The same as CSV", get(mine, f"{demo}{REPORT}/csv?{month}")
    yield "Singular, the last 7 days", get(mine, f"{demo}{REPORT}/singular/json?{days_until(now, 7)}")
    yield "Send a conversion in, and ask for the report again", post(ingest, f"{demo}/api/v1/ingest/conversions", now)


def base(cast: Cast, port: int) -> str:
    return url(f"api.{cast.slug}", port)


def url(host: str, port: int) -> str:
    return f"http://{host}.{settings.base_host}:{port}"


def login_lines(people: People, port: int) -> list[str]:
    demo, acme = url(f"app.{DEMO.slug}", port), url(f"app.{ACME.slug}", port)
    main = [
        ("advertiser", f"{demo}/", ANNA.email),
        ("staff", f"{demo}/staff", NORA.email),
        ("all tables", f"{demo}/admin/", NORA.email),
        (
            "platform",
            f"{url('admin', port)}/",
            KIM.email if people.platform else "(it has staff of its own)",
        ),
        ("another tenant", f"{acme}/", ANNA.email),
    ]
    width = max(len(place) for _, place, _ in main)
    colleagues = STAFF_OF[DEMO.slug] + (PLATFORM_STAFF if people.platform else [])
    others = [one for one in colleagues if one.joined and one.role != "owner"]
    return [
        f"{'password':15} {people.password}",
        *(f"{what:15} {place:{width}}  {email}" for what, place, email in main),
        f"{'who may less':15} {', '.join(f'{one.email} ({one.role})' for one in others)}",
    ]


def token_lines(tokens: dict[str, Tokens]) -> list[str]:
    lines = []
    for cast in DEMO, ACME:
        advertiser = cast.advertisers[0].name
        lines += [
            f"{cast.slug:5} {advertiser:12} {tokens[cast.slug].advertiser}",
            f"{cast.slug:5} {'data in':12} {tokens[cast.slug].ingest}",
        ]
    return lines


def days_until(now: datetime, count: int) -> str:
    """The filter for that many days, today the last."""
    return f"date_from={(now - timedelta(days=count - 1)).date()}&date_to={now.date()}"


def get(token: str, url: str) -> list[str]:
    return [f"curl -H {quote(f'Authorization: ApiToken {token}')} \\", f"  {quote(url)}"]


def post(token: str, url: str, now: datetime) -> list[str]:
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
