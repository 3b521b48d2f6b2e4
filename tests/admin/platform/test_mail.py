"""One-time links of platform staff, on a server that sends email."""

from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.support.people import Browser, create_platform_staff
from tests.support.platform_pages import link_in, main_text, new_slug
from tests.support.servers import Server, free_port, running_server


class Inbox:
    """Rejects addresses that begin with “full”."""

    def __init__(self) -> None:
        self.letters: dict[str, str] = {}

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802 (the server's name)
        (recipient,) = envelope.rcpt_tos
        if recipient.startswith("full@"):
            return "552 mailbox full"
        assert isinstance(envelope.content, bytes)
        self.letters[recipient] = message_from_bytes(envelope.content, policy=default).get_content()
        return "250 OK"


@pytest.fixture(scope="module")
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture(scope="module")
def owner(server: Server, inbox: Inbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A platform owner, at a server that sends email and shares the tests' database."""
    assert server.port
    controller = Controller(inbox, hostname="127.0.0.1", port=free_port())
    controller.start()
    folder, url = tmp_path_factory.mktemp("mailing"), f"smtp://127.0.0.1:{controller.port}"
    try:
        with (
            running_server(folder, GOKART_SMTP_URL=url, GOKART_MAIL_FROM="noreply@example.com") as beside,
            beside.client() as http,
        ):
            browser = Browser(http, "admin.localhost")
            browser.sign_in(create_platform_staff("owner"))
            yield browser
    finally:
        controller.stop()


def test_the_link_of_a_new_tenants_owner_is_mailed_and_shown(owner: Browser, inbox: Inbox) -> None:
    slug = new_slug()
    form = {"slug": slug, "name": "Gravel", "owner": "Nora", "email": f"nora@{slug}.example"}
    made = owner.post("/new", data=form)
    assert f"The link was sent to nora@{slug}.example." in main_text(made)
    assert link_in(made) in inbox.letters[f"nora@{slug}.example"]


def test_a_letter_that_cannot_be_sent_takes_nothing_back(owner: Browser) -> None:
    slug = new_slug()
    made = owner.post("/new", data={"slug": slug, "name": "Gravel", "owner": "Nora", "email": f"full@{slug}.example"})
    assert "The email was not sent." in main_text(made)
    assert "mailbox full" in main_text(made)
    assert link_in(made).startswith(f"http://app.{slug}.localhost/staff/link/")
    assert "Nora" in main_text(owner.get(f"/tenants/{slug}"))


def test_a_colleagues_link_is_mailed_and_shown(owner: Browser, inbox: Inbox) -> None:
    email = f"{new_slug()}@gokart.example"
    made = owner.post("/staff/new", data={"name": "Lee", "email": email, "role": "viewer"})
    assert link_in(made) in inbox.letters[email]
