"""A mail server in a thread."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from auth.users import mail
from settings import Settings
from tests.support.database import execute
from tests.support.servers import free_port


class MailServer:
    """Rejects addresses that begin with “nobody”, and all email while `away`.

    `replies` has replies to the next commands MAIL, RCPT and DATA, other than OK; empty: the connection is closed.
    `while_sending` is called when an email has arrived, before the reply. `raw` has the emails as they arrived.
    """

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.away = False
        self.replies: dict[str, list[str]] = {"MAIL": [], "RCPT": [], "DATA": []}
        self.while_sending: Callable[[], object] = lambda: None

    def reply_to(self, server: SMTP, command: str) -> str | None:
        if not self.replies[command]:
            return None
        reply = self.replies[command].pop(0)
        if not reply:
            assert server.transport is not None
            server.transport.close()
        return reply or "421 closing"

    async def handle_MAIL(  # noqa: N802 (the server's name for it)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.away:
            return "421 service not available"
        if reply := self.reply_to(server, "MAIL"):
            return reply
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if reply := self.reply_to(server, "RCPT"):
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if reply := self.reply_to(server, "DATA"):
            return reply
        if envelope.rcpt_tos[0].startswith("nobody"):
            return "552 mailbox full"
        assert isinstance(envelope.content, bytes)
        message = BytesParser(policy=default).parsebytes(envelope.content)
        assert isinstance(message, EmailMessage)
        await asyncio.to_thread(self.while_sending)
        self.mails.append(message)
        self.raw.append(envelope.content)
        return "250 OK"

    def to(self, address: str) -> list[EmailMessage]:
        return [message for message in self.mails if message["To"] == address]


@contextmanager
def running_mail_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    """This process sends its email there."""
    inbox = MailServer()
    controller = Controller(inbox, hostname="127.0.0.1", port=free_port())
    controller.start()
    url = f"smtp://127.0.0.1:{controller.port}"
    chosen = Settings.model_validate({"smtp_url": url, "mail_from": "GoKart <noreply@example.com>"})
    monkeypatch.setattr(mail, "settings", chosen)
    try:
        yield inbox
    finally:
        controller.stop()


def text_of(message: EmailMessage) -> str:
    """The plain text, with \\n between lines."""
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def locked_tables(schema: str) -> list[str]:
    """Those that a transaction uses now."""
    rows = execute(
        """
        SELECT DISTINCT c.relname FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
        WHERE c.relnamespace = $1::text::regnamespace AND l.pid <> pg_backend_pid()
        """,
        schema,
    )
    return [row["relname"] for row in rows]
