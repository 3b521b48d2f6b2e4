"""The pages on which keys are made, rotated and revoked: an advertiser's own, and the staff's for everybody."""

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response

from auth.api_keys import service as api_keys
from auth.api_keys.format import MintedKey
from auth.api_keys.listing import API_KEY_STATUSES, ApiKeyDetails, ApiKeyStatus, find_api_key, find_minted_key
from auth.users.guards import current_user
from core.errors import GokartError
from portal.advertiser_status import read_advertiser_status
from tenants.tenant import current_tenant
from web.pages.forms import Form, read_form, split_field_error
from web.pages.origins import api_origin
from web.pages.rendering import Notice, PageLayout, format_instant, render_page, templates
from web.requests import AnyRequest, client_address

REPORT = "/api/v1/integrations/cost-report"
EVENTS = "/api/v1/ingest/events"

SCOPES = {  # value → label, help
    "cost-report": ("Cost report", "Pull the cost report as JSON or CSV."),
    "singular": ("Singular", "Let Singular pull the cost of each day."),
    "ingest": ("Ingest", "Send in conversions, views, clicks, offers and partners, of all advertisers."),
}
ON_A_DAY, NEVER = "date", "never"
EXPIRIES = {
    "30": "30 days",
    "90": "90 days",
    "365": "A year",
    ON_A_DAY: "A day of your choice",
    NEVER: "Never",
}
USUAL_EXPIRY = "365"
LONGEST_LIFE = timedelta(days=3_650)

GRACES = {  # hours → label, help
    "0": ("Stop it at once", "For a key that has leaked. Whatever still uses it fails from that moment."),
    "24": ("24 hours", "For a script that you change yourself today."),
    "168": ("7 days", "For Singular, and for whatever somebody else has to change."),
    "720": ("30 days", "For a change that waits for somebody's release."),
}
USUAL_GRACE = "168"

KINDS: dict[ApiKeyStatus, str] = {
    "live": "success",
    "expiring": "warning",
    "rotated": "info",
    "expired": "neutral",
    "revoked": "danger",
}
templates.globals["key_states"] = {state: (label, KINDS[state]) for state, label in API_KEY_STATUSES.items()}
templates.globals["scope_names"] = {scope: label for scope, (label, _) in SCOPES.items()}


def maker(created_by: str, for_staff: bool) -> str:
    """Who made a key. Of the staff an advertiser is told no more than that."""
    realm, _, name = created_by.partition(":")
    return name if realm == "advertiser" else created_by if for_staff else "staff"


templates.filters["maker"] = maker


class KeyForm(msgspec.Struct):
    """The form of a new key as it was sent, with what is wrong by field; `wanted` is to be made where nothing is."""

    name: str = ""
    scopes: Sequence[str] = ()
    expiry: str = USUAL_EXPIRY
    day: str = ""
    networks: str = ""
    grace: str = USUAL_GRACE
    errors: dict[str, str] = msgspec.field(default_factory=dict)
    wanted: dict[str, Any] = msgspec.field(default_factory=dict)

    def want(self, field: str, read: Callable[[], object]) -> None:
        try:
            self.wanted[field] = read()
        except GokartError as error:
            self.take(error)

    def take(self, error: GokartError) -> None:
        field, text = split_field_error(error)
        self.errors[field] = text


def read_key_form(
    form: Form, offered: Collection[str], now: datetime, *, scopes: Sequence[str] | None = None
) -> KeyForm:
    """`offered` are the scopes that whoever makes it may give; `scopes` what it has where there is no choice."""
    chosen = form.all("scopes") if scopes is None else scopes
    read = KeyForm(form["name"], chosen, form["expiry"], form["day"], form["networks"])
    lines = [line for line in read.networks.splitlines() if line.strip()]
    read.want("name", lambda: api_keys.read_key_name(read.name))
    read.want("scopes", lambda: read_scopes(read.scopes, offered))
    read.want("expires_at", lambda: read_expiry(read.expiry, read.day, now))
    read.want("networks", lambda: api_keys.read_networks(lines))
    return read


def read_rotate_form(form: Form, now: datetime) -> KeyForm:
    read = KeyForm(grace=form["grace"], expiry=form["expiry"], day=form["day"])
    read.want("grace", lambda: read_grace(read.grace))
    read.want("expires_at", lambda: read_expiry(read.expiry, read.day, now))
    return read


def read_scopes(scopes: Sequence[str], offered: Collection[str]) -> Sequence[str]:
    if not scopes or not set(scopes) <= set(offered):
        raise GokartError("scopes: Choose what the key is for.")
    return scopes


def read_expiry(expiry: str, day: str, now: datetime) -> datetime | None:
    """The end of a chosen day, UTC. Raises GokartError."""
    if expiry == NEVER:
        return None
    if expiry != ON_A_DAY:
        if expiry not in EXPIRIES:
            raise GokartError("expiry: Choose one of these.")
        return now + timedelta(days=int(expiry))
    try:
        chosen = date.fromisoformat(day.strip())
    except ValueError as error:
        raise GokartError("day: Give the last day on which it works, such as 2030-12-31.") from error
    if not now.date() <= chosen <= (now + LONGEST_LIFE).date():
        raise GokartError(f"day: Choose one from today to {(now + LONGEST_LIFE).date()}.")
    return datetime.combine(chosen, time(), UTC) + timedelta(days=1)


def read_grace(text: str) -> timedelta:
    """Raises GokartError."""
    if text not in GRACES:
        raise GokartError("grace: Choose one of these.")
    return timedelta(hours=int(text))


def new_page(
    request: AnyRequest,
    layout: PageLayout,
    root: str,
    form: KeyForm,
    offered: Collection[str],
    *,
    template: str = "api_keys/new.html",
    **context: Any,
) -> Response[Any]:
    """The form. `root` is where the list of keys is; `offered` are the scopes to choose from."""
    return render_page(
        template,
        layout,
        status=400 if form.errors else 200,
        root=root,
        form=form,
        scopes=[(scope, *SCOPES[scope]) for scope in offered],
        address=client_address(request.scope),
        **choice_of_day(),
        **context,
    )


async def make_key(
    request: AnyRequest, layout: PageLayout, root: str, form: KeyForm, advertiser: UUID | None
) -> Response[Any] | None:
    """The answer that shows it; None, with the reason in `form.errors`, where none was made."""
    if form.errors:
        return None
    try:
        minted = await api_keys.create_api_key(
            advertiser=advertiser, created_by=current_user(request).actor(None).name, new_name=True, **form.wanted
        )
    except api_keys.DuplicateKeyNameError:
        form.errors["name"] = (
            f"A key called “{form.wanted['name']}” works already. If you have reloaded the page that showed it: a key "
            "is shown once, and no second one has been made. Rotate that one, or choose another name."
        )
        return None
    except GokartError as error:
        form.take(error)
        return None
    return await shown_page(request, layout, root, minted)


async def rotate_key(
    request: AnyRequest,
    layout: PageLayout,
    root: str,
    key: ApiKeyDetails,
    *,
    owner: UUID | None = None,
    within: frozenset[str] | None = None,
) -> Response[Any]:
    """As `auth.api_keys.service.rotate_api_key`."""
    form = read_rotate_form(await read_form(request), datetime.now(UTC))
    if form.errors:
        return rotate_page(layout, root, key, form, within=within)
    try:
        minted = await api_keys.rotate_api_key(
            key.id, created_by=current_user(request).actor(None).name, owner=owner, within=within, **form.wanted
        )
    except GokartError as error:
        form.take(error)
        return rotate_page(layout, root, await find_api_key(current_tenant(), key.id) or key, form, within=within)
    replaced = await find_api_key(current_tenant(), key.id)
    return await shown_page(request, layout, root, minted, replaced=replaced)


async def shown_page(
    request: AnyRequest, layout: PageLayout, root: str, minted: MintedKey, *, replaced: ApiKeyDetails | None = None
) -> Response[Any]:
    """The answer to the form itself, since it is the only one that ever has the key in it."""
    key = await find_minted_key(current_tenant(), minted)
    return render_page(
        "api_keys/shown.html",
        layout,
        status=201,
        root=root,
        key=key,
        token=minted.token,
        curl=curl_line(api_origin(request), minted.token, key.scopes, datetime.now(UTC).date()),
        replaced=replaced,
        singular_off="singular" in key.scopes and await is_singular_off(key.advertiser),
    )


async def is_singular_off(advertiser: UUID | None) -> bool:
    return advertiser is not None and not (await read_advertiser_status(current_tenant(), advertiser)).singular_enabled


def curl_line(origin: str, token: str, scopes: Collection[str], today: date) -> str:
    """To paste as it stands: into the shells of Windows too, which know no single quotes. An empty call is taken in."""
    key = f'-H "Authorization: ApiToken {token}"'
    if "ingest" in scopes:
        return f'curl {key} -H "Content-Type: application/json" -d "[]" "{origin}{EVENTS}"'
    report = "/json" if "cost-report" in scopes else "/singular/json"
    days = f"date_from={today - timedelta(days=7)}&date_to={today}"
    return f'curl {key} "{origin}{REPORT}{report}?{days}"'


def rotate_page(
    layout: PageLayout,
    root: str,
    key: ApiKeyDetails,
    form: KeyForm | None = None,
    *,
    within: frozenset[str] | None = None,
) -> Response[Any]:
    """`within` are the scopes beyond which whoever looks at it may not rotate a key; None: there is no such bound."""
    beyond = [] if within is None else [scope for scope in key.scopes if scope not in within]
    if form is None:
        form = KeyForm(expiry=USUAL_EXPIRY if key.expires_at else NEVER)
    return render_page(
        "api_keys/rotate.html",
        layout,
        status=403 if beyond else 409 if not key.can_rotate else 400 if form.errors else 200,
        root=root,
        key=key,
        beyond=beyond,
        form=form,
        graces=[(hours, *texts) for hours, texts in GRACES.items()],
        **choice_of_day(),
    )


def choice_of_day() -> dict[str, Any]:
    today = datetime.now(UTC).date()
    return {"expiries": list(EXPIRIES.items()), "first_day": today, "last_day": today + LONGEST_LIFE}


def revoke_page(layout: PageLayout, root: str, key: ApiKeyDetails) -> Response[Any]:
    return render_page("api_keys/revoke.html", layout, root=root, key=key)


def expiry_notice(key: ApiKeyDetails, root: str, may_rotate: bool) -> Notice:
    """Of a key that stops soon, or has been replaced and is still used."""
    called = f"The {'API' if key.advertiser else 'ingest'} key “{key.name}” ({key.hint})"
    until = format_instant(key.expires_at)
    if key.state == "rotated":
        return Notice("warning", f"{called} has been replaced, but is still used. It stops on {until}.", root, "See it")
    text = f"{called} stops working on {until}."
    if may_rotate:
        return Notice("warning", text, f"{root}/{key.id}/rotate", "Replace it")
    return Notice("warning", text, root, "See it")
