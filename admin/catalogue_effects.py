"""The effects of a change of the catalogue on reports, Singular and API keys, as sentences for its preview."""

from collections.abc import Mapping, Sequence
from typing import Any

from asyncpg import Record

from catalog.fields import CatalogueKind, FieldValues
from database.pool import Connection
from tenants.tenant import Tenant

SENDER = "If the system that sends your catalogue still has the old value, its next batch sets it again."
FIELD_EFFECTS: dict[tuple[str, str], list[str]] = {
    ("advertiser", "name"): [
        "Its users, and pages for API keys, show the new name. Reports and Singular do not contain it.",
        SENDER,
    ],
    ("advertiser", "currency"): ["Amounts that arrive from now on are in the new currency. There are none so far."],
    ("advertiser", "time_zone"): [
        "The dashboard and flexible reports divide all days, past ones too, by the new time zone.",
        "The cost report and Singular keep UTC days.",
    ],
    ("offer", "name"): [
        "Reports show the new name for past days too.",
        "Singular reads the name as the campaign's name: days that it reads again appear under the new name.",
        SENDER,
    ],
    ("offer", "campaign_name"): ["Reports by campaign, and Singular, show the new campaign for past days too.", SENDER],
    ("offer", "app_name"): ["Reports by app, and Singular, show the new app for past days too.", SENDER],
    ("offer", "store_id"): [
        "Singular assigns costs to the app with the new store ID, for days that it reads again.",
        SENDER,
    ],
    ("offer", "os"): ["Reports by OS, and Singular, show the new operating system for past days too.", SENDER],
    ("partner", "name"): ["Reports show the new name for past days too.", SENDER],
}
COUNTED = "Views, clicks and conversions that arrive are counted as before, and reports keep all figures."
HIDDEN = "Lists and forms leave out what is archived. It can be made active again at any time."


def field_effects(kind: CatalogueKind, changed: FieldValues) -> list[str]:
    """Each effect once. None for fields that only these pages show."""
    return list(dict.fromkeys(effect for name in changed for effect in FIELD_EFFECTS.get((kind.table, name), [])))


async def status_effects(
    db: Connection, tenant: Tenant, kind: CatalogueKind, rows: Sequence[Mapping[str, Any] | Record], status: str
) -> list[str]:
    """Of changing the rows to the status."""
    effects = [COUNTED]
    if status == "archived":
        effects.append(HIDDEN)
    if kind.table == "advertiser":
        effects = await key_effects(db, tenant, rows, status) + effects
    elif kind.table == "offer":
        effects.append(
            "API keys and Singular are not affected. To stop an advertiser's API keys, pause the advertiser."
        )
    return effects


async def key_effects(
    db: Connection, tenant: Tenant, rows: Sequence[Mapping[str, Any] | Record], status: str
) -> list[str]:
    """What happens to the API keys of advertisers that change between active and another status."""
    affected = [row["id"] for row in rows if "active" in (row["status"], status)]
    found = await db.fetchrow(
        f"""
        SELECT count(*) AS keys, count(*) FILTER (WHERE 'singular' = ANY (scopes)) AS singular
        FROM {tenant.schema}.api_token WHERE advertiser = ANY($1::uuid[]) AND revoked_at IS NULL
            AND (expires_at IS NULL OR expires_at > now())
        """,
        affected,
    )
    assert found is not None, "an aggregate has one row"
    if not found["keys"]:
        return ["No API key is affected."]
    keys = "1 API key" if found["keys"] == 1 else f"{found['keys']:,} API keys"
    if status == "active":
        return [f"{keys} work{'s' if found['keys'] == 1 else ''} again within a second."]
    singular = " Singular gets errors instead of costs." if found["singular"] else ""
    return [
        f"{keys} stop{'s' if found['keys'] == 1 else ''} working within a second: requests fail with 403.{singular}",
        "Users can still sign in to the portal. Resuming the advertiser makes the same keys work again.",
    ]
