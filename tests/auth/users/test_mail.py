"""Email through a real SMTP server, with a certificate authority that is created for the tests."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from auth.users import mail
from auth.users.mail import MailError, MailRefusedError, MailServerError, mail_is_on, send_mail
from settings import Settings
from tests.support.mail_server import running_mail_server

AUTHORITY = trustme.CA()
PASSWORD = "hunter/2@home"
LOGIN = "gokart:hunter%2F2%40home@"
LINK = "https://app.demo.localhost/invitation/" + "x" * 1_200


class Inbox:
    """The received messages, each with whether TLS was used and with the authenticated user."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.senders: list[str | None] = []
        self.recipients: list[str] = []
        self.over_tls: list[bool] = []
        self.passwords = 0

    async def handle_RCPT(  # noqa: N802 (the server's name for it)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("nobody@"):
            return "550 no such\tuser"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if "full@example.com" in envelope.rcpt_tos:
            return "552 mailbox full"
        assert isinstance(envelope.content, bytes)
        message = BytesParser(policy=default).parsebytes(envelope.content)
        assert isinstance(message, EmailMessage)
        self.mails.append(message)
        self.raw.append(envelope.content)
        self.senders.append(envelope.mail_from)
        self.recipients += envelope.rcpt_tos
        assert server.transport is not None
        self.over_tls.append(server.transport.get_extra_info("sslcontext") is not None)
        return "250 OK"

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        self.passwords += 1
        right = isinstance(data, LoginPassword) and data.login == b"gokart" and data.password == PASSWORD.encode()
        return AuthResult(success=right, handled=False)


@asynccontextmanager
async def running_server(inbox: Inbox, *, tls: str = "", **options: Any) -> AsyncIterator[int]:
    """Runs a mail server on localhost and yields its port. `tls` is empty, “starttls” or “always”."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    AUTHORITY.issue_cert("localhost").configure_cert(context)
    if tls == "starttls":
        options["tls_context"] = context
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(inbox, authenticator=inbox.authenticate, auth_require_tls=False, **options),
        "127.0.0.1",
        0,
        ssl=context if tls == "always" else None,
    )
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    AUTHORITY.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))


class Configure:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch

    def __call__(self, url: str | None, sender: str = "GoKart <noreply@example.com>") -> None:
        self.monkeypatch.setattr(mail, "settings", Settings.model_validate({"smtp_url": url, "mail_from": sender}))


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Configure:
    return Configure(monkeypatch)


async def test_an_email_arrives_unchanged(inbox: Inbox, configure: Configure) -> None:
    text = f"Grüße, Ænna!\n\n{LINK}\n.\nA line.\n"
    async with running_server(inbox) as port:
        configure(f"smtp://localhost:{port}", "GoKart Zürich <noreply@example.com>")
        await send_mail("anna@example.com", "Your invitation to Zürich " + "and so on " * 20, text)
    (message,) = inbox.mails
    assert message["From"] == "GoKart Zürich <noreply@example.com>"
    assert message["To"] == "anna@example.com"
    assert message["Subject"] == "Your invitation to Zürich " + ("and so on " * 20).strip()
    assert message["Message-ID"].endswith("@example.com>")
    assert message["Date"].datetime.tzinfo is not None
    assert message.get_content_type() == "text/plain"
    assert message.get_content().replace("\r\n", "\n") == text
    assert (inbox.senders, inbox.recipients) == (["noreply@example.com"], ["anna@example.com"])


async def test_it_is_off_until_it_is_configured(configure: Configure) -> None:
    configure(None)
    assert not mail_is_on()
    with pytest.raises(MailError, match="GOKART_SMTP_URL is not set"):
        await send_mail("anna@example.com", "Hello", "Hello")
    configure("smtp://localhost")
    assert mail_is_on()


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(("scheme", "tls"), [("smtp", "starttls"), ("smtps", "always")])
async def test_the_password_is_sent_over_tls(inbox: Inbox, configure: Configure, scheme: str, tls: str) -> None:
    async with running_server(inbox, tls=tls) as port:
        configure(f"{scheme}://{LOGIN}localhost:{port}")
        await send_mail("anna@example.com", "Hello", "Hello")
    assert inbox.over_tls == [True]
    assert inbox.passwords == 1


async def test_without_a_password_tls_is_used_if_offered(inbox: Inbox, configure: Configure) -> None:
    for tls in "", "starttls":
        async with running_server(inbox, tls=tls) as port:
            configure(f"smtp://127.0.0.1:{port}")
            await send_mail("anna@example.com", "Hello", "Hello")
    assert inbox.over_tls == [False, True]


@pytest.mark.parametrize(
    ("url", "tls", "reason"),
    [
        (f"smtp://{LOGIN}localhost", "", "STARTTLS extension not supported"),
        (f"smtp://{LOGIN}localhost", "starttls", "certificate is not trusted"),
        (f"smtps://{LOGIN}localhost", "always", "certificate is not trusted"),
        ("smtps://localhost", "always", "certificate is not trusted"),
        (f"smtps://{LOGIN}localhost", "starttls", "does not support TLS"),
    ],
)
async def test_a_server_without_valid_tls_gets_no_password(
    inbox: Inbox, configure: Configure, url: str, tls: str, reason: str
) -> None:
    async with running_server(inbox, tls=tls) as port:
        configure(f"{url}:{port}")
        await refused("anna@example.com", reason)
    assert (inbox.passwords, inbox.mails) == (0, [])


@pytest.mark.usefixtures("trusted")
async def test_a_certificate_for_another_name_is_rejected(inbox: Inbox, configure: Configure) -> None:
    async with running_server(inbox, tls="always") as port:
        configure(f"smtps://{LOGIN}127.0.0.1:{port}")
        await refused("anna@example.com", "certificate is not trusted")
    assert inbox.passwords == 0


@pytest.mark.usefixtures("trusted")
async def test_the_error_for_a_wrong_password_does_not_contain_it(inbox: Inbox, configure: Configure) -> None:
    async with running_server(inbox, tls="always") as port:
        configure(f"smtps://gokart:s3cret@localhost:{port}")
        message = await refused("anna@example.com", "rejected the user name or password of GOKART_SMTP_URL")
    assert "s3cret" not in message


async def test_an_address_rejected_by_the_server_is_an_error(inbox: Inbox, configure: Configure) -> None:
    async with running_server(inbox) as port:
        configure(f"smtp://localhost:{port}")
        await refused("nobody@example.com", r"rejected the address \(550 no such user\)")


async def test_an_email_rejected_by_the_server_is_an_error(inbox: Inbox, configure: Configure) -> None:
    async with running_server(inbox) as port:
        configure(f"smtp://localhost:{port}")
        await refused("full@example.com", r"rejected the email \(552 mailbox full\)")


async def test_an_unreachable_server_is_an_error(inbox: Inbox, configure: Configure) -> None:
    async with running_server(inbox) as port:
        configure(f"smtp://localhost:{port}")
    await refused("anna@example.com", "Error connecting to localhost")
    configure("smtp://mail.invalid")
    await refused("anna@example.com", "Error connecting to mail.invalid")


async def test_a_server_that_never_responds_times_out(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "TIMEOUT", 0.2)
    silent = asyncio.Event()

    async def say_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await silent.wait()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        configure(f"smtp://localhost:{server.sockets[0].getsockname()[1]}")
        await refused("anna@example.com", "did not respond within 0.2 seconds")
        silent.set()


@pytest.mark.parametrize(
    "address",
    [
        "",
        "anna",
        "anna@",
        "@example.com",
        "anna@example.com, eve@example.com",
        "anna@example.com\r\nBcc: eve@example.com",
        "anna@example.com\r\nRCPT TO:<eve@example.com>",
        "anna@example.com> SIZE=1",
        "anna@exa mple.com",
        "anna@example..com",
        "<anna@example.com",
        "anna\x00@example.com",
    ],
)
async def test_an_invalid_address_is_rejected(inbox: Inbox, configure: Configure, address: str) -> None:
    async with running_server(inbox) as port:
        configure(f"smtp://localhost:{port}")
        await refused(address, "Email cannot be sent to .* should be one email address")
    assert inbox.recipients == []


async def test_a_subject_cannot_inject_headers(inbox: Inbox, configure: Configure) -> None:
    async with running_server(inbox) as port:
        configure(f"smtp://localhost:{port}")
        await send_mail("anna@example.com", "Welcome to Evil\r\nBcc: eve@example.com\n\nBody\u2028\x00x", "Hello")
    (message,) = inbox.mails
    assert message["Subject"] == "Welcome to Evil Bcc: eve@example.com Body x"
    assert message["Bcc"] is None
    assert message.get_content().strip() == "Hello"
    assert inbox.recipients == ["anna@example.com"]


async def test_an_internationalized_domain_is_encoded(inbox: Inbox, configure: Configure) -> None:
    async with running_server(inbox) as port:
        configure(f"smtp://localhost:{port}")
        await send_mail("anna@bücher.example", "Hello", "Hello")
    assert inbox.recipients == ["anna@xn--bcher-kva.example"]


@pytest.mark.parametrize("scheme", ["https", "http"])
async def test_the_link_that_stops_emails_is_in_the_head_as_it_is(
    inbox: Inbox, configure: Configure, scheme: str
) -> None:
    url = f"{scheme}://app.a-tenant-with-a-long-name.reports.example.com/unsubscribe/12.notifications.{'ab' * 32}"
    async with running_server(inbox) as port:
        configure(f"smtp://localhost:{port}")
        await send_mail("anna@example.com", "Hello", "Hello", unsubscribe=url)
        await send_mail("anna@example.com", "Hello", "Hello")
    assert f"\r\nList-Unsubscribe: <{url}>\r\n".encode() in inbox.raw[0]
    one_click = b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in inbox.raw[0]
    assert one_click == (scheme == "https")
    assert b"List-Unsubscribe" not in inbox.raw[1]


@pytest.mark.parametrize(
    ("command", "reply", "error"),
    [
        ("RCPT", "450 busy", MailError),
        ("RCPT", "550 unknown", MailRefusedError),
        ("DATA", "451 busy", MailError),
        ("DATA", "554 spam", MailRefusedError),
        ("MAIL", "451 busy", MailError),
        ("MAIL", "550 not you", MailError),
        ("MAIL", "421 away", MailServerError),
        ("RCPT", "421 away", MailServerError),
        ("DATA", "421 away", MailServerError),
    ],
)
async def test_a_refusal_tells_whether_another_attempt_is_worthwhile(
    monkeypatch: pytest.MonkeyPatch, command: str, reply: str, error: type[MailError]
) -> None:
    with running_mail_server(monkeypatch) as server:
        server.replies[command] = [reply]
        with pytest.raises(MailError, match=reply) as caught:
            await send_mail("anna@example.com", "Hello", "Hello")
    assert type(caught.value) is error


async def refused(to: str, reason: str) -> str:
    """Sends an email that must fail, and checks the error message."""
    with pytest.raises(MailError, match=reason) as caught:
        await send_mail(to, "Hello", "Hello")
    message = str(caught.value)
    assert "hunter" not in message
    assert message.isprintable()
    return message
