"""The reminder of API keys that expire soon: one line on every page, which can be dismissed for a day."""

from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Any

from litestar import HttpMethod, Response

from auth.api_keys.listing import ApiKeyDetails
from auth.users.guards import current_user
from auth.users.login import host_cookie
from auth.users.users import User
from web.pages.formatting import format_instant
from web.pages.forms import read_form
from web.pages.rendering import Reminder
from web.pages.responses import local_path, redirect
from web.requests import AnyRequest, path_and_query

DISMISSED = timedelta(days=1)


def key_reminder(request: AnyRequest, keys: Sequence[ApiKeyDetails], root: str, *, may_rotate: bool) -> Reminder | None:
    """A reminder of `keys`, which expire soon or were rotated and are still used; the earliest expiry first.
    `may_rotate`: the user may rotate the first one. None if the reminder was dismissed in this browser.

    The response to a form has no reminder: it may show a secret once, which leaving the page would lose.
    """
    user = current_user(request)
    if not keys or request.method == HttpMethod.POST:
        return None
    if request.cookies.get(cookie_name(user)) == fingerprint(user, keys):
        return None
    key, place = keys[0], path_and_query(request)
    dismiss = f"{root}/dismiss-reminder"
    expires = format_instant(key.expires_at)
    if len(keys) > 1:
        text = f"{len(keys)} API keys expire soon, the first on {expires}."
        return Reminder(text, root, "View keys", dismiss, place)
    name = f"The {'API' if key.advertiser else 'ingest'} key “{key.name}” ({key.hint})"
    if key.state == "rotated":
        text = f"{name} was rotated but is still in use. It expires on {expires}."
        return Reminder(text, root, "View keys", dismiss, place)
    text = f"{name} expires on {expires}."
    if may_rotate:
        return Reminder(text, f"{root}/{key.id}/rotate", "Rotate", dismiss, place)
    return Reminder(text, root, "View keys", dismiss, place)


async def dismiss_reminder(request: AnyRequest, keys: Sequence[ApiKeyDetails], root: str) -> Response[Any]:
    """Hides the reminder of these keys for a day, and returns to the page `next`."""
    user, form = current_user(request), await read_form(request)
    response = redirect(request, local_path(form["next"], root))
    response.cookies.append(host_cookie(cookie_name(user), request, fingerprint(user, keys), DISMISSED))
    return response


def cookie_name(user: User) -> str:
    return f"gokart_{user.realm.name}_reminder"


def fingerprint(user: User, keys: Sequence[ApiKeyDetails]) -> str:
    """Differs for another user of the browser, and when another key expires soon."""
    text = " ".join([user.realm.name, str(user.id), *(f"{key.id}:{key.state}" for key in keys)])
    return sha256(text.encode()).hexdigest()[:32]
