"""The settings page: requiring two-factor authentication of all staff, and when figures are final."""

import pyotp
import pytest

from tests.support.people import Browser, audit, browser, create_staff_user, staff_browser
from tests.support.sandbox import Sandbox

REQUIRED = {"staff_totp_required": "on"}


def owner_with_totp(sandbox: Sandbox) -> tuple[Browser, str]:
    """A client that is signed in with two factors, and the owner's email address."""
    secret = pyotp.random_base32()
    client, email = browser(sandbox), create_staff_user(sandbox, totp_secret=secret)
    client.sign_in(email, root="/staff")
    assert client.post("/staff/sign-in/code", data={"code": pyotp.TOTP(secret).now()}).status_code == 303
    return client, email


def test_an_owner_without_it_cannot_require_it(sandbox: Sandbox) -> None:
    client = staff_browser(sandbox)
    response = client.post("/staff/settings", data=REQUIRED)
    assert response.status_code == 400
    assert "your own two-factor authentication first" in response.text
    assert staff_browser(sandbox, "viewer").get("/staff").status_code == 200


def test_staff_without_it_are_redirected_to_the_setup(sandbox: Sandbox) -> None:
    client, _ = owner_with_totp(sandbox)
    viewer = staff_browser(sandbox, "viewer")
    assert client.post("/staff/settings", data=REQUIRED).headers["location"] == "/staff/settings?done"
    assert viewer.get("/staff").headers["location"] == "/staff/account/two-step"
    assert client.get("/staff").status_code == 200
    client.post("/staff/settings")
    assert viewer.get("/staff").status_code == 200


def test_it_lists_staff_without_it(sandbox: Sandbox) -> None:
    client, email = owner_with_totp(sandbox)
    viewer = create_staff_user(sandbox, "viewer")
    page = client.get("/staff/settings").text
    assert f"Not set up yet: {viewer}." in page
    assert f"{email}," not in page


def test_the_audit_log_names_who_required_it(sandbox: Sandbox) -> None:
    client, email = owner_with_totp(sandbox)
    client.post("/staff/settings", data=REQUIRED)
    last = audit(sandbox)[-1]
    assert (last["actor"], last["subject"]) == (f"staff:{email}", "setting")
    assert last["after"] == '{"staff_totp_required": true}'


def test_an_owner_sets_when_figures_are_final(sandbox: Sandbox) -> None:
    client = staff_browser(sandbox)
    assert 'value="30"' in client.get("/staff/settings").text
    assert client.post("/staff/settings", data={"final_after_days": "45"}).status_code == 303
    assert 'value="45"' in client.get("/staff/settings").text
    assert audit(sandbox)[-1]["after"] == '{"final_after_days": 45}'
    client.post("/staff/settings", data={})
    assert 'value="45"' in client.get("/staff/settings").text


@pytest.mark.parametrize("text", ["", "-1", "1.5", "731", "many"])
def test_days_until_figures_are_final_are_a_whole_number(sandbox: Sandbox, text: str) -> None:
    client = staff_browser(sandbox)
    response = client.post("/staff/settings", data={"final_after_days": text})
    assert response.status_code == 400
    assert "Enter a whole number of days from 0 to 730." in response.text
