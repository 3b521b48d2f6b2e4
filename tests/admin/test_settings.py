"""The desk's settings: a second factor for all staff."""

import pyotp

from tests.people import Browser, audit, browser, make_staff, staff_browser
from tests.places import Place

REQUIRED = {"staff_totp_required": "on"}


def owner_with_totp(place: Place) -> tuple[Browser, str]:
    """Signed in with both factors, and the e-mail address."""
    secret = pyotp.random_base32()
    client, email = browser(place), make_staff(place, totp_secret=secret)
    client.sign_in(email, root="/staff")
    assert client.post("/staff/sign-in/code", data={"code": pyotp.TOTP(secret).now()}).status_code == 303
    return client, email


def test_who_has_none_cannot_ask_it_of_others(place: Place) -> None:
    client = staff_browser(place)
    answer = client.post("/staff/settings", data=REQUIRED)
    assert answer.status_code == 400
    assert "for yourself first" in answer.text
    assert staff_browser(place, "viewer").get("/staff").status_code == 200


def test_once_it_is_asked_whoever_has_none_is_led_to_it(place: Place) -> None:
    client, _ = owner_with_totp(place)
    viewer = staff_browser(place, "viewer")
    assert client.post("/staff/settings", data=REQUIRED).headers["location"] == "/staff/settings?done"
    assert viewer.get("/staff").headers["location"] == "/staff/account/two-step"
    assert client.get("/staff").status_code == 200
    client.post("/staff/settings")
    assert viewer.get("/staff").status_code == 200


def test_who_would_be_asked_is_named(place: Place) -> None:
    client, email = owner_with_totp(place)
    viewer = make_staff(place, "viewer")
    page = client.get("/staff/settings").text
    assert f"Without one today: {viewer}." in page
    assert f"{email}," not in page


def test_it_is_noted_who_asked(place: Place) -> None:
    client, email = owner_with_totp(place)
    client.post("/staff/settings", data=REQUIRED)
    last = audit(place)[-1]
    assert (last["actor"], last["subject"]) == (f"staff:{email}", "setting")
    assert last["after"] == '{"staff_totp_required": true}'
