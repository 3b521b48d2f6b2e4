"""The desk's settings: a second factor for all staff."""

import pyotp

from tests.support.people import Browser, audit, browser, create_staff_user, staff_browser
from tests.support.sandbox import Sandbox

REQUIRED = {"staff_totp_required": "on"}


def owner_with_totp(sandbox: Sandbox) -> tuple[Browser, str]:
    """Signed in with both factors, and the e-mail address."""
    secret = pyotp.random_base32()
    client, email = browser(sandbox), create_staff_user(sandbox, totp_secret=secret)
    client.sign_in(email, root="/staff")
    assert client.post("/staff/sign-in/code", data={"code": pyotp.TOTP(secret).now()}).status_code == 303
    return client, email


def test_who_has_none_cannot_ask_it_of_others(sandbox: Sandbox) -> None:
    client = staff_browser(sandbox)
    answer = client.post("/staff/settings", data=REQUIRED)
    assert answer.status_code == 400
    assert "for yourself first" in answer.text
    assert staff_browser(sandbox, "viewer").get("/staff").status_code == 200


def test_once_it_is_asked_whoever_has_none_is_led_to_it(sandbox: Sandbox) -> None:
    client, _ = owner_with_totp(sandbox)
    viewer = staff_browser(sandbox, "viewer")
    assert client.post("/staff/settings", data=REQUIRED).headers["location"] == "/staff/settings?done"
    assert viewer.get("/staff").headers["location"] == "/staff/account/two-step"
    assert client.get("/staff").status_code == 200
    client.post("/staff/settings")
    assert viewer.get("/staff").status_code == 200


def test_who_would_be_asked_is_named(sandbox: Sandbox) -> None:
    client, email = owner_with_totp(sandbox)
    viewer = create_staff_user(sandbox, "viewer")
    page = client.get("/staff/settings").text
    assert f"Without one today: {viewer}." in page
    assert f"{email}," not in page


def test_it_is_noted_who_asked(sandbox: Sandbox) -> None:
    client, email = owner_with_totp(sandbox)
    client.post("/staff/settings", data=REQUIRED)
    last = audit(sandbox)[-1]
    assert (last["actor"], last["subject"]) == (f"staff:{email}", "setting")
    assert last["after"] == '{"staff_totp_required": true}'
