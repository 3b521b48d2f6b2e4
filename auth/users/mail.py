"""Sends email through the server in GOKART_SMTP_URL."""

import asyncio
import ssl
from datetime import UTC, datetime
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, Policy
from email.utils import make_msgid
from typing import TypedDict
from urllib.parse import SplitResult, unquote, urlsplit

import aiosmtplib
import msgspec

from core.errors import GokartError
from settings import parse_mail_address, settings
from tenants.tenant import bound_tenant
from web.pages.branding import branding_of

TIMEOUT = 10.0  # seconds, in total
SERVER_ERRORS_IN_A_ROW = 3  # after these, what sends many emails takes the server to be away

SERVICE_NOT_AVAILABLE = 421  # a reply to any command: the server closes the connection


class MailError(GokartError):
    """The email was not sent, or it is unknown whether it was."""


class MailRefusedError(MailError):
    """The email cannot be sent: another attempt would fail too."""


class MailServerError(MailError):
    """The mail server could not be used: an email to another address would probably fail too."""


class UnfoldedHeader(UnstructuredHeader, BaseHeader):
    """One line of any length. Folding would encode a URL that is longer than a line, and nobody decodes it."""

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


HEADERS = HeaderRegistry()
HEADERS.map_to_type("list-unsubscribe", UnfoldedHeader)
POLICY = SMTP.clone(header_factory=HEADERS)


class Attachment(msgspec.Struct, frozen=True):
    """A CSV file in UTF-8."""

    name: str
    content: bytes


class SmtpOptions(TypedDict, total=False):
    """Arguments of `aiosmtplib.send`."""

    hostname: str | None
    port: int
    username: str
    password: str
    use_tls: bool
    start_tls: bool | None
    validate_certs: bool


def mail_is_on() -> bool:
    return settings.smtp_url is not None


async def send_mail(
    to: str, subject: str, text: str, attachment: Attachment | None = None, *, unsubscribe: str | None = None
) -> None:
    """Plain text to one address, with a file. `unsubscribe` is the URL that stops such emails. Raises MailError."""
    if settings.smtp_url is None:
        raise MailError("Email cannot be sent: GOKART_SMTP_URL is not set.")
    message = compose(to, subject, text + await signature())
    if attachment:
        message.add_attachment(attachment.content, "text", "csv", filename=attachment.name, params={"charset": "utf-8"})
    if unsubscribe:
        message["List-Unsubscribe"] = f"<{unsubscribe}>"
        if unsubscribe.startswith("https:"):  # as RFC 8058 demands
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    server = urlsplit(settings.smtp_url.get_secret_value())
    try:
        async with asyncio.timeout(TIMEOUT):
            await aiosmtplib.send(message, **smtp_options(server), local_hostname=settings.base_host, timeout=TIMEOUT)
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        reason = single_line(describe_mail_error(error))
        raise kind_of(error)(f"The email to {to} was not sent. Mail server {server.hostname}: {reason}.") from error


def kind_of(error: Exception) -> type[MailError]:
    """By the reply to MAIL FROM, RCPT TO or DATA, or because there was none. A refused sender is seldom the fault of
    the email, so another attempt is worthwhile.
    """
    match error:
        case aiosmtplib.SMTPRecipientsRefused(recipients=[refused, *_]):
            code = refused.code
        case aiosmtplib.SMTPDataError() | aiosmtplib.SMTPSenderRefused():
            code = error.code
        case aiosmtplib.SMTPNotSupported() if "SMTPUTF8" in str(error):  # for this address
            return MailRefusedError
        case ValueError():
            return MailRefusedError
        case _:
            return MailServerError
    if code == SERVICE_NOT_AVAILABLE:
        return MailServerError
    return MailRefusedError if code >= 500 and not isinstance(error, aiosmtplib.SMTPSenderRefused) else MailError


async def signature() -> str:
    """The support contact of the bound tenant; empty without one."""
    tenant = bound_tenant()
    branding = await branding_of(tenant)
    if tenant is None or not branding.support_links:
        return ""
    contacts = " · ".join(filter(None, [branding.support_email, branding.support_url]))
    return f"\n-- \n{single_line(tenant.name)}\nSupport: {contacts}\n"


def compose(to: str, subject: str, text: str) -> EmailMessage:
    assert settings.mail_from is not None
    sender = parse_mailbox(settings.mail_from)
    message = EmailMessage(POLICY)
    message["From"] = sender
    message["To"] = parse_mailbox(to)
    message["Subject"] = single_line(subject)
    message["Date"] = datetime.now(UTC)
    message["Message-ID"] = make_msgid(domain=sender.domain)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    return message


def parse_mailbox(text: str) -> Address:
    """The address, with an internationalized domain in ASCII. Raises MailRefusedError."""
    try:
        address = parse_mail_address(text)
        return Address(address.display_name, address.username, address.domain.encode("idna").decode())
    except ValueError as error:
        raise MailRefusedError(f"Email cannot be sent to “{single_line(text[:100])}”: it {error}.") from error


def single_line(text: str) -> str:
    """Without line breaks and control characters."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def smtp_options(server: SplitResult) -> SmtpOptions:
    """A password is sent only over TLS, to a server with a valid certificate. Without a password, TLS is used if the
    server offers it, with any certificate: an attacker who can present a false one could also suppress the offer.
    """
    options = SmtpOptions(hostname=server.hostname)
    if server.scheme == "smtps":
        options |= SmtpOptions(port=server.port or 465, use_tls=True)
    else:
        options |= SmtpOptions(port=server.port or 587, start_tls=True if server.password else None)
    if server.username and server.password:
        options |= SmtpOptions(username=unquote(server.username), password=unquote(server.password))
    options["validate_certs"] = bool(server.password) or server.scheme == "smtps"
    return options


def describe_mail_error(error: Exception) -> str:
    text = str(error)
    match error.__cause__ if isinstance(error.__cause__, ssl.SSLError) else error:
        case ssl.SSLCertVerificationError(verify_message=reason):
            text = f"its certificate is not trusted ({reason})"
        case ssl.SSLError(reason=reason):
            text = f"it does not support TLS as GOKART_SMTP_URL requires ({reason})"
        case aiosmtplib.SMTPAuthenticationError(code=code, message=reason):
            text = f"it rejected the user name or password of GOKART_SMTP_URL ({code} {reason})"
        case aiosmtplib.SMTPRecipientsRefused(recipients=[refused, *_]):
            text = f"it rejected the address ({refused.code} {refused.message})"
        case aiosmtplib.SMTPResponseException(code=code, message=reason):
            text = f"it rejected the email ({code} {reason})"
        case TimeoutError():
            text = f"it did not respond within {TIMEOUT:g} seconds"
    return text
