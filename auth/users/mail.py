"""Sending mail through the server that GOKART_SMTP_URL names."""

import asyncio
import ssl
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import make_msgid
from typing import TypedDict
from urllib.parse import SplitResult, unquote, urlsplit

import aiosmtplib

from core.errors import GokartError
from settings import parse_mail_address, settings

TIMEOUT = 10.0  # seconds, for the whole of it


class MailError(GokartError):
    """The mail was not sent, or nobody can say whether it was."""


class Way(TypedDict, total=False):
    """To the mail server, in aiosmtplib's words."""

    hostname: str | None
    port: int
    username: str
    password: str
    use_tls: bool
    start_tls: bool | None
    validate_certs: bool


def mail_is_on() -> bool:
    return settings.smtp_url is not None


async def send_mail(to: str, subject: str, text: str) -> None:
    """Plain text to one address. Raises MailError."""
    if settings.smtp_url is None:
        raise MailError("No mail can be sent: GOKART_SMTP_URL is not set.")
    message = compose(to, subject, text)
    server = urlsplit(settings.smtp_url.get_secret_value())
    try:
        async with asyncio.timeout(TIMEOUT):
            await aiosmtplib.send(message, **way_to(server), local_hostname=settings.base_host, timeout=TIMEOUT)
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        reason = printable(why(error))
        raise MailError(f"The mail to {to} was not sent. Mail server {server.hostname}: {reason}.") from error


def compose(to: str, subject: str, text: str) -> EmailMessage:
    assert settings.mail_from is not None
    sender = sendable(settings.mail_from)
    message = EmailMessage(SMTP)
    message["From"] = sender
    message["To"] = sendable(to)
    message["Subject"] = printable(subject)
    message["Date"] = datetime.now(UTC)
    message["Message-ID"] = make_msgid(domain=sender.domain)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    return message


def sendable(text: str) -> Address:
    """The address, with its domain as the mail system writes it. Raises MailError."""
    try:
        address = parse_mail_address(text)
        return Address(address.display_name, address.username, address.domain.encode("idna").decode())
    except ValueError as error:
        raise MailError(f"No mail can be sent to {text[:100]!r}: it {error}.") from error


def printable(text: str) -> str:
    """In one line."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def way_to(server: SplitResult) -> Way:
    """A password goes under TLS only, to a server that proves its name. Without one, TLS is taken where it is offered,
    with any certificate: whoever could show a false one could as well hide the offer.
    """
    way = Way(hostname=server.hostname)
    if server.scheme == "smtps":
        way |= Way(port=server.port or 465, use_tls=True)
    else:
        way |= Way(port=server.port or 587, start_tls=True if server.password else None)
    if server.username and server.password:
        way |= Way(username=unquote(server.username), password=unquote(server.password))
    way["validate_certs"] = bool(server.password) or server.scheme == "smtps"
    return way


def why(error: Exception) -> str:
    said = str(error)
    match error.__cause__ if isinstance(error.__cause__, ssl.SSLError) else error:
        case ssl.SSLCertVerificationError(verify_message=reason):
            said = f"its certificate is not trusted ({reason})"
        case ssl.SSLError(reason=reason):
            said = f"it does not speak TLS as GOKART_SMTP_URL has it ({reason})"
        case aiosmtplib.SMTPAuthenticationError(code=code, message=reason):
            said = f"it refuses the user name or password of GOKART_SMTP_URL ({code} {reason})"
        case aiosmtplib.SMTPRecipientsRefused(recipients=[refused, *_]):
            said = f"it refuses the address ({refused.code} {refused.message})"
        case aiosmtplib.SMTPResponseException(code=code, message=reason):
            said = f"it refuses the mail ({code} {reason})"
        case TimeoutError():
            said = f"it did not answer within {TIMEOUT:g} seconds"
    return said
