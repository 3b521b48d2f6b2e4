"""One-time links by email, from a server whose settings name an SMTP server."""

from collections.abc import Iterator
from email import message_from_bytes

import httpx
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.support.html_page import Page
from tests.support.people import Browser, create_staff_user
from tests.support.sandbox import Sandbox, create_sandbox
from tests.support.servers import Server, free_port, running_server
from tests.support.wait import wait_until


class Inbox:
    """Rejects addresses that begin with “nobody”."""

    def __init__(self) -> None:
        self.letters: list[str] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 (its name)
        if envelope.rcpt_tos[0].startswith("nobody"):
            return "552 mailbox full"
        assert isinstance(envelope.content, bytes)
        letter = message_from_bytes(envelope.content).get_payload(decode=True)
        assert isinstance(letter, bytes)
        self.letters.append(letter.decode())
        return "250 OK"


@pytest.fixture(scope="module")
def inbox() -> Iterator[tuple[Inbox, int]]:
    inbox = Inbox()
    controller = Controller(inbox, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield inbox, controller.port
    controller.stop()


@pytest.fixture(scope="module")
def mailing(
    server: Server, inbox: tuple[Inbox, int], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """A server that sends email and shares the tests' database."""
    assert server.port
    url = f"smtp://127.0.0.1:{inbox[1]}"
    folder = tmp_path_factory.mktemp("mailing")
    with (
        running_server(folder, GOKART_SMTP_URL=url, GOKART_MAIL_FROM="noreply@example.com") as beside,
        beside.client() as client,
    ):
        yield client


@pytest.fixture
def owner(mailing: httpx.Client) -> tuple[Sandbox, Browser]:
    sandbox = create_sandbox(mailing)
    client = Browser(mailing, f"app.{sandbox.tenant.slug}.localhost")
    client.sign_in(create_staff_user(sandbox), root="/staff")
    return sandbox, client


def test_the_link_is_sent_and_shown_too(owner: tuple[Sandbox, Browser], inbox: tuple[Inbox, int]) -> None:
    sandbox, client = owner
    data = {"email": "anna@example.com", "name": "Anna", "advertiser": str(sandbox.owner), "scopes": ["singular"]}
    page = Page(client.post("/staff/people/logins/new", data=data).text)
    assert "The link was sent to anna@example.com" in page.text
    assert page.one("code", id="link").text in inbox[0].letters[-1]
    assert "Hello Anna" in inbox[0].letters[-1]


def test_a_link_whose_letter_fails_is_not_lost(owner: tuple[Sandbox, Browser]) -> None:
    _, client = owner
    data = {"email": "nobody@example.com", "name": "Nobody", "role": "viewer"}
    response = client.post("/staff/people/staff/new", data=data)
    page = Page(response.text)
    assert response.status_code == 201
    assert "The email was not sent" in page.text
    assert "mailbox full" in page.text
    path = page.one("code", id="link").text.partition("localhost")[2]
    assert client.get(path).status_code == 200


def test_emails_name_the_support_contact(owner: tuple[Sandbox, Browser], inbox: tuple[Inbox, int]) -> None:
    sandbox, client = owner
    contact = {"support_email": "help@acorn.example", "support_url": "https://acorn.example/help"}
    client.post("/staff/settings", data=contact)
    wait_until(lambda: "help@acorn.example" in client.get("/staff/account").text)
    client.post("/staff/people/staff/new", data={"email": "kim@example.com", "name": "Kim", "role": "viewer"})
    signature = f"-- \n{sandbox.tenant.name}\nSupport: help@acorn.example · https://acorn.example/help"
    assert inbox[0].letters[-1].replace("\r\n", "\n").strip().endswith(signature)
