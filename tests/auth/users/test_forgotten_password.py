"""Password resets by email, with a real SMTP server."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.auth.users.test_login import turn_on
from tests.support.database import execute
from tests.support.people import PASSWORD, Browser, audit, create_advertiser_user, create_staff_user
from tests.support.sandbox import Sandbox
from tests.support.servers import Server, free_port, running_server

NEW = "an entirely new one"


class Inbox:
    def __init__(self) -> None:
        self.letters: Queue[tuple[list[str], str]] = Queue()

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802 (the server's name)
        assert isinstance(envelope.content, bytes)
        self.letters.put((envelope.rcpt_tos, envelope.content.decode()))
        return "250 OK"


@pytest.fixture(scope="module")
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture(scope="module")
def mailing(tmp_path_factory: pytest.TempPathFactory, server: Server, inbox: Inbox) -> Iterator[Server]:  # noqa: ARG001
    """A server that sends email. The tests' common server, which sends none, migrates the database."""
    with mailing_server(tmp_path_factory.mktemp("mailing"), inbox) as running:
        yield running


@contextmanager
def mailing_server(folder: Path, inbox: Inbox, **settings: str) -> Iterator[Server]:
    port = free_port()
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        settings |= {"GOKART_SMTP_URL": f"smtp://127.0.0.1:{port}", "GOKART_MAIL_FROM": "gokart@example.com"}
        with running_server(folder, workers=1, **settings) as running:
            yield running
    finally:
        controller.stop()


@pytest.mark.parametrize(
    ("settings", "link", "warnings"),
    [
        ({}, "https://app.{}.gokart.example/link/", 1),
        ({"GOKART_PUBLIC_URL": "https://gokart.example:8443/"}, "https://app.{}.gokart.example:8443/link/", 0),
        ({"GOKART_TRUSTED_PROXIES": "127.0.0.1/32"}, "https://app.{}.gokart.example:4443/link/", 0),
    ],
)
def test_links_in_emails_do_not_follow_the_request(
    tmp_path: Path, sandbox: Sandbox, settings: dict[str, str], link: str, warnings: int
) -> None:
    """Unless a trusted proxy states the host and the scheme."""
    email, inbox = create_advertiser_user(sandbox), Inbox()
    host = f"app.{sandbox.tenant.slug}.gokart.example"
    headers = {"X-Forwarded-Host": f"{host}:4443", "X-Forwarded-Proto": "https", "Sec-Fetch-Site": "same-origin"}
    with mailing_server(tmp_path, inbox, GOKART_BASE_HOST="gokart.example", **settings) as server:
        with server.client() as http:
            client = Browser(http, f"{host}:1234", headers=headers)
            assert client.post("/forgot", data={"email": email}).status_code == 200
            _, letter = inbox.letters.get(timeout=120)
        assert len(server.log_lines("GOKART_PUBLIC_URL")) == warnings
    assert link.format(sandbox.tenant.slug) in letter.replace("=\r\n", "")


@pytest.mark.parametrize("root", ["", "/staff"])
def test_the_email_has_a_link_that_works_once(mailing: Server, inbox: Inbox, sandbox: Sandbox, root: str) -> None:
    email = create_staff_user(sandbox) if root else create_advertiser_user(sandbox)
    with mailing.client() as http:
        client = Browser(http, f"app.{sandbox.tenant.slug}.localhost")
        assert "Send reset link" in client.get(f"{root}/forgot").text
        known = client.post(f"{root}/forgot", data={"email": email.upper()})
        unknown = client.post(f"{root}/forgot", data={"email": "nobody@example.com"})
        assert known.status_code == unknown.status_code == 200
        assert known.text == unknown.text, "nobody learns who has an account"
        recipients, letter = inbox.letters.get(timeout=120)
        assert recipients == [email]
        letter = letter.replace("=\r\n", "").replace("=3D", "=")
        (link,) = re.findall(rf"http://{client.host}({root}/link/[\w-]+)", letter)
        assert client.post(link, data={"password": NEW, "again": NEW}).status_code == 303
        assert client.get(link).status_code == 404
        assert client.sign_in(email, NEW, root).status_code == 303
        recipients, letter = inbox.letters.get(timeout=120)
        assert recipients == [email]
        assert "The password of your GoKart account was changed" in letter.replace("=\r\n", "")
    assert inbox.letters.empty()


def test_the_request_is_audited_with_its_address(mailing: Server, inbox: Inbox, sandbox: Sandbox) -> None:
    email = create_advertiser_user(sandbox)
    with mailing.client() as http:
        Browser(http, f"app.{sandbox.tenant.slug}.localhost").post("/forgot", data={"email": email})
    inbox.letters.get(timeout=120)
    last = audit(sandbox)[-1]
    assert (last["actor"], last["subject"], last["action"]) == (f"advertiser:{email}", "one_time_link", "created")
    assert str(last["address"]) == "127.0.0.1"


def test_a_reset_request_does_not_replace_an_invitation(mailing: Server, inbox: Inbox, sandbox: Sandbox) -> None:
    email = create_advertiser_user(sandbox)
    execute("UPDATE {s}.advertiser_login SET password = NULL", schema=sandbox.tenant.schema)
    with mailing.client() as http:
        response = Browser(http, f"app.{sandbox.tenant.slug}.localhost").post("/forgot", data={"email": email})
    assert response.status_code == 200
    assert execute("SELECT FROM {s}.one_time_link", schema=sandbox.tenant.schema) == []
    assert inbox.letters.empty()


def test_the_number_of_emails_is_limited(mailing: Server, inbox: Inbox, sandbox: Sandbox) -> None:
    email = create_advertiser_user(sandbox)
    with mailing.client() as http:
        client = Browser(http, f"app.{sandbox.tenant.slug}.localhost")
        statuses = [client.post("/forgot", data={"email": email}).status_code for _ in range(7)]
    assert statuses == [200] * 5 + [429] * 2
    for _ in range(5):
        inbox.letters.get(timeout=120)


def test_changes_of_password_and_second_factor_are_emailed(mailing: Server, inbox: Inbox, sandbox: Sandbox) -> None:
    email = create_staff_user(sandbox)
    with mailing.client() as http:
        client = Browser(http, f"app.{sandbox.tenant.slug}.localhost")
        client.sign_in(email, root="/staff")
        secret, codes = turn_on(client, "/staff")
        client.post("/staff/account/password", data={"current": PASSWORD, "password": NEW, "again": NEW})
        page = client.post("/staff/account/two-step/codes", data={"current": NEW, "code": codes[0]}).text
        code = re.findall(r"[2-9a-z]{5}-[2-9a-z]{5}-[2-9a-z]{5}", page)[0]
        client.post("/staff/account/two-step/off", data={"current": NEW, "code": code})
        letters = [inbox.letters.get(timeout=120) for _ in range(4)]
        assert [recipients for recipients, _ in letters] == [[email]] * 4
        assert secret not in str(letters)
        changes = "was turned on", "password of your", "New recovery codes", "was turned off"
        for (_, letter), change in zip(letters, changes, strict=True):
            assert change in letter.replace("=\r\n", "")
            assert "127.0.0.1" in letter
