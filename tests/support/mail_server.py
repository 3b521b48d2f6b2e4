"""A mail server in a thread."""

from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from auth.users import mail
from settings import Settings
from tests.support.servers import free_port


class MailServer:
    """Rejects addresses that begin with “nobody”, and all email while `away`."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.away = False

    async def handle_MAIL(  # noqa: N802 (the server's name for it)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.away:
            return "421 service not available"
        envelope.mail_from = address
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if envelope.rcpt_tos[0].startswith("nobody"):
            return "552 mailbox full"
        assert isinstance(envelope.content, bytes)
        message = BytesParser(policy=default).parsebytes(envelope.content)
        assert isinstance(message, EmailMessage)
        self.mails.append(message)
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
