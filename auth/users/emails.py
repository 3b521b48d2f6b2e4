"""The emails with one-time links, and those that report a change of a password or second factor."""

from datetime import UTC, datetime
from typing import Literal

import structlog

from auth.users.mail import MailError, mail_is_on, send_mail
from auth.users.one_time_links import Purpose, describe_lifetime
from auth.users.users import User
from web.pages.formatting import format_instant
from web.requests import Address

log = structlog.get_logger()

SUBJECTS = {"invitation": "Your invitation to GoKart", "reset": "Reset your GoKart password"}
TEXTS = {
    "invitation": "You have been invited to GoKart. Choose your password here:",
    "reset": "Someone requested a new password for your GoKart account. Choose it here:",
}


async def send_link_email(user: User, purpose: Purpose, url: str) -> None:
    """Raises `auth.users.mail.MailError`."""
    text = (
        f"Hello {user.name},\n\n{TEXTS[purpose]}\n\n{url}\n\n"
        f"The link works once, within {describe_lifetime(purpose)}. "
        "If you did not expect this email, you can ignore it.\n"
    )
    await send_mail(user.email, SUBJECTS[purpose], text)


AccountChange = Literal["password", "totp-on", "totp-off", "codes"]
CHANGES: dict[AccountChange, str] = {
    "password": "The password of your GoKart account was changed",
    "totp-on": "Two-factor authentication was turned on for your GoKart account",
    "totp-off": "Two-factor authentication was turned off for your GoKart account",
    "codes": "New recovery codes were generated for your GoKart account, and the earlier ones no longer work",
}


async def report_change(email: str, name: str, change: AccountChange, address: Address | None = None) -> None:
    """Sends an email if this server sends any. Does not raise: the change has been made."""
    if not mail_is_on():
        return
    place = f" from {address}" if address else ""
    text = (
        f"Hello {name},\n\n{CHANGES[change]} on {format_instant(datetime.now(UTC))}{place}.\n\n"
        "If this was not you, change your password, sign out everywhere on your account page, and tell the staff.\n"
    )
    try:
        await send_mail(email, CHANGES[change], text)
    except MailError as error:
        log.warning("email not sent", error=str(error))
