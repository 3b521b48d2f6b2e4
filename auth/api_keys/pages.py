"""The pages that create, rotate and revoke API keys, shared by the portal and the admin."""

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response

from auth.api_keys import service as api_keys
from auth.api_keys.format import MintedKey
from auth.api_keys.listing import LARGEST_ID, ApiKeyDetails, find_api_key, find_minted_key
from auth.scopes import SCOPE_NAMES
from auth.users.guards import current_user
from catalog.service import is_singular_enabled
from core.errors import GokartError
from tenants.tenant import current_tenant
from web.pages.forms import Form, parse_number, read_form, split_field_error
from web.pages.origins import api_origin
from web.pages.rendering import PageLayout, render_page
from web.requests import AnyRequest, client_address

REPORTS = {
    "cost-report": "/api/v1/integrations/cost-report/json",
    "singular": "/api/v1/integrations/cost-report/singular/json",
    "conversions": "/api/v1/conversions",
}
EVENTS = "/api/v1/ingest/events"

SCOPE_HELP = {
    "cost-report": "Read the cost report as JSON or CSV.",
    "singular": "Let Singular read your daily costs.",
    "conversions": "Read single conversions, with click ids and their history.",
    "ingest": "Send conversions, views, clicks, offers and partners of all advertisers.",
}
ON_A_DAY, NEVER = "date", "never"
EXPIRIES = {
    "30": "30 days",
    "90": "90 days",
    "365": "1 year",
    ON_A_DAY: "Custom date",
    NEVER: "Never",
}
DEFAULT_EXPIRY = "365"
LIST_TITLE = "API keys"
MAX_LIFETIME = timedelta(days=3_650)

GRACE_PERIODS = {  # hours → label, help
    "0": ("Immediately", "For a key that has leaked. Programs that use it fail immediately."),
    "24": ("After 24 hours", "For a script that you update yourself today."),
    "168": ("After 7 days", "For Singular, and for programs that other people update."),
    "720": ("After 30 days", "For programs with a long release cycle."),
}
DEFAULT_GRACE_PERIOD = "168"


class KeyForm(msgspec.Struct):
    """The submitted form, with errors by field. `values` are the service's arguments if there are no errors."""

    name: str = ""
    scopes: Sequence[str] = ()
    expiry: str = DEFAULT_EXPIRY
    day: str = ""
    networks: str = ""
    grace: str = DEFAULT_GRACE_PERIOD
    errors: dict[str, str] = msgspec.field(default_factory=dict)
    values: dict[str, Any] = msgspec.field(default_factory=dict)

    def parse(self, field: str, read: Callable[[], object]) -> None:
        try:
            self.values[field] = read()
        except GokartError as error:
            self.add_error(error)

    def add_error(self, error: GokartError) -> None:
        field, text = split_field_error(error)
        self.errors[field] = text


def read_key_form(
    form: Form, offered: Collection[str], now: datetime, *, scopes: Sequence[str] | None = None
) -> KeyForm:
    """`offered` are the scopes that the user may grant. `scopes` sets them if the form has no choice."""
    chosen = form.all("scopes") if scopes is None else scopes
    read = KeyForm(form["name"], chosen, form["expiry"], form["day"], form["networks"])
    lines = [line for line in read.networks.splitlines() if line.strip()]
    read.parse("name", lambda: api_keys.read_key_name(read.name))
    read.parse("scopes", lambda: read_key_scopes(read.scopes, offered))
    read.parse("expires_at", lambda: read_key_expiry(read.expiry, read.day, now))
    read.parse("networks", lambda: api_keys.read_networks(lines))
    return read


def read_rotate_form(form: Form, now: datetime) -> KeyForm:
    read = KeyForm(grace=form["grace"], expiry=form["expiry"], day=form["day"])
    read.parse("grace", lambda: read_grace_period(read.grace))
    read.parse("expires_at", lambda: read_key_expiry(read.expiry, read.day, now))
    return read


def read_key_scopes(scopes: Sequence[str], offered: Collection[str]) -> Sequence[str]:
    if not scopes or not set(scopes) <= set(offered):
        raise GokartError("scopes: Select at least one permission.")
    return scopes


def read_key_expiry(expiry: str, day: str, now: datetime) -> datetime | None:
    """The end of a chosen day, UTC. Raises GokartError."""
    if expiry == NEVER:
        return None
    if expiry != ON_A_DAY:
        if expiry not in EXPIRIES:
            raise GokartError("expiry: Select one of the options.")
        return now + timedelta(days=int(expiry))
    try:
        chosen = date.fromisoformat(day.strip())
    except ValueError as error:
        raise GokartError("day: Enter a date such as 2030-12-31.") from error
    if not now.date() <= chosen <= (now + MAX_LIFETIME).date():
        raise GokartError(f"day: Enter a date between today and {(now + MAX_LIFETIME).date()}.")
    return datetime.combine(chosen, time(), UTC) + timedelta(days=1)


def read_grace_period(text: str) -> timedelta:
    """Raises GokartError."""
    if text not in GRACE_PERIODS:
        raise GokartError("grace: Select one of the options.")
    return timedelta(hours=int(text))


def new_key_page(
    request: AnyRequest,
    layout: PageLayout,
    root: str,
    form: KeyForm,
    offered: Collection[str],
    *,
    template: str = "api_keys/new.html",
    back: tuple[str, str] | None = None,
    **context: Any,
) -> Response[Any]:
    """The form. `root` is the URL of the list of keys; `offered` are the scopes to choose from. `back` is the URL and
    title of the page above, if it is another one than that list.
    """
    return render_page(
        template,
        layout,
        status=400 if form.errors else 200,
        root=root,
        back=back or (root, LIST_TITLE),
        form=form,
        scopes=[(scope, SCOPE_NAMES[scope], SCOPE_HELP[scope]) for scope in offered],
        address=client_address(request.scope),
        **expiry_choices(),
        **context,
    )


async def create_key(
    request: AnyRequest,
    layout: PageLayout,
    root: str,
    form: KeyForm,
    advertiser: UUID | None,
    *,
    back: tuple[str, str] | None = None,
    **shown: Any,
) -> Response[Any] | None:
    """The page that shows the new key, with `shown` for its template. None if it was not created: `form.errors` has the
    reason.
    """
    if form.errors:
        return None
    try:
        minted = await api_keys.create_api_key(
            advertiser=advertiser, created_by=current_user(request).actor(None).name, new_name=True, **form.values
        )
    except api_keys.DuplicateKeyNameError:
        form.errors["name"] = (
            f"An active key named “{form.values['name']}” already exists. If you reloaded the page that showed it: "
            "a key is shown only once, and no second key was created. Rotate that key, or choose another name."
        )
        return None
    except GokartError as error:
        form.add_error(error)
        return None
    return await shown_page(request, layout, root, minted, back=back, **shown)


async def rotate_key(
    request: AnyRequest,
    layout: PageLayout,
    root: str,
    key: ApiKeyDetails,
    *,
    owner: UUID | None = None,
    within: frozenset[str] | None = None,
    **shown: Any,
) -> Response[Any]:
    """As `auth.api_keys.service.rotate_api_key`. `shown` is for the template of the new key."""
    form = read_rotate_form(await read_form(request), datetime.now(UTC))
    if form.errors:
        return rotate_page(layout, root, key, form, within=within)
    try:
        minted = await api_keys.rotate_api_key(
            key.id, created_by=current_user(request).actor(None).name, owner=owner, within=within, **form.values
        )
    except GokartError as error:
        form.add_error(error)
        return rotate_page(layout, root, await find_api_key(current_tenant(), key.id) or key, form, within=within)
    replaced = await find_api_key(current_tenant(), key.id)
    return await shown_page(request, layout, root, minted, replaced=replaced, **shown)


async def shown_page(
    request: AnyRequest,
    layout: PageLayout,
    root: str,
    minted: MintedKey,
    *,
    replaced: ApiKeyDetails | None = None,
    back: tuple[str, str] | None = None,
    template: str = "api_keys/shown.html",
    **context: Any,
) -> Response[Any]:
    """The response to the form itself: no other response contains the key."""
    key = await find_minted_key(current_tenant(), minted)
    return render_page(
        template,
        layout,
        status=201,
        root=root,
        back=back or (root, LIST_TITLE),
        origin=api_origin(request),
        key=key,
        token=minted.token,
        curl=curl_line(api_origin(request), minted.token, key.scopes, datetime.now(UTC).date()),
        replaced=replaced,
        singular_off="singular" in key.scopes
        and key.advertiser is not None
        and not await is_singular_enabled(current_tenant(), key.advertiser),
        **context,
    )


def curl_line(origin: str, token: str, scopes: Collection[str], today: date) -> str:
    """Without single quotes, which the shells of Windows do not support. An empty array is a valid intake call."""
    key = f'-H "Authorization: ApiToken {token}"'
    if "ingest" in scopes:
        return f'curl {key} -H "Content-Type: application/json" -d "[]" "{origin}{EVENTS}"'
    report = next(path for scope, path in REPORTS.items() if scope in scopes)
    days = f"date_from={today - timedelta(days=7)}&date_to={today}"
    return f'curl {key} "{origin}{report}?{days}"'


def rotate_page(
    layout: PageLayout,
    root: str,
    key: ApiKeyDetails,
    form: KeyForm | None = None,
    *,
    within: frozenset[str] | None = None,
) -> Response[Any]:
    """`within` are the scopes that the user may rotate; None: all."""
    missing = [] if within is None else [scope for scope in key.scopes if scope not in within]
    if form is None:
        form = KeyForm(expiry=DEFAULT_EXPIRY if key.expires_at else NEVER)
    return render_page(
        "api_keys/rotate.html",
        layout,
        status=403 if missing else 409 if not key.can_rotate else 400 if form.errors else 200,
        root=root,
        key=key,
        missing_scopes=[SCOPE_NAMES[scope] for scope in missing],
        form=form,
        graces=[(hours, *texts) for hours, texts in GRACE_PERIODS.items()],
        **expiry_choices(),
    )


def expiry_choices() -> dict[str, Any]:
    today = datetime.now(UTC).date()
    return {"expiries": list(EXPIRIES.items()), "first_day": today, "last_day": today + MAX_LIFETIME}


def revoke_page(layout: PageLayout, root: str, key: ApiKeyDetails) -> Response[Any]:
    return render_page("api_keys/revoke.html", layout, root=root, key=key)


async def revoked_key(request: AnyRequest, owner: UUID | None = None) -> ApiKeyDetails | None:
    """The key `?key=` that was just revoked (`?done=revoked`); with `owner`, only one of this advertiser."""
    id_ = parse_number(request.query_params.get("key", ""), LARGEST_ID)
    if id_ is None or request.query_params.get("done") != "revoked":
        return None
    key = await find_api_key(current_tenant(), id_, owner)
    return key if key and key.revoked_at else None
