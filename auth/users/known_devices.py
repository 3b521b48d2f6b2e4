"""Devices on which a user has signed in: the wrong passwords of strangers do not delay sign-ins there.

A device is known by a cookie that is signed with the stored hash of the user's password, so that nothing else has to be
stored, and a new password makes all devices unknown again. The cookie signs nobody in.
"""

import hmac
from datetime import UTC, datetime, timedelta
from secrets import token_hex

from auth.users.realms import Realm

LIFETIME = timedelta(days=180)  # since the last sign-in on the device


def device_cookie(realm: Realm, *, secure: bool) -> str:
    return f"{realm.cookie(secure=secure)}_device"


def sign_device(realm: Realm, user: int, password_hash: str) -> str:
    """The value of the cookie of a device on which the user has just signed in."""
    expires = int((datetime.now(UTC) + LIFETIME).timestamp())
    device = f"{token_hex(8)}.{expires}"
    return f"{device}.{signature(realm, user, password_hash, device)}"


def find_device(realm: Realm, user: int, password_hash: str, cookie: str) -> str | None:
    """The id of the device; None if the cookie is not valid for this user."""
    device, _, signed = cookie.rpartition(".")
    expected = signature(realm, user, password_hash, device)
    if not hmac.compare_digest(signed.encode(), expected.encode()):
        return None
    id_, _, expires = device.partition(".")
    return id_ if int(expires) > datetime.now(UTC).timestamp() else None


def signature(realm: Realm, user: int, password_hash: str, device: str) -> str:
    text = f"device {realm.schema} {realm.name} {user} {device}"
    return hmac.new(password_hash.encode(), text.encode(), "sha256").hexdigest()
