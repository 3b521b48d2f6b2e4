"""The tenant's audit log on the desk: as the platform's, whose tests say more of the page."""

from auth.users.realms import STAFF
from tests.people import advertiser_browser, browser, make_staff, session_cookie, staff_browser
from tests.places import Place


def test_it_tells_who_did_what_from_where(place: Place) -> None:
    email = make_staff(place, "manager")
    manager = browser(place, cookies=session_cookie(place, STAFF, email))
    manager.post(f"/staff/singular/{place.owner}", data={"singular": "off"})
    page = " ".join(staff_browser(place, "viewer").get("/staff/audit", params={"subject": "advertiser"}).text.split())
    assert f'<td>staff:{email}</td> <td class="id">127.0.0.1</td>' in page
    assert "singular_enabled: true → false" in page
    assert "api token" not in page


def test_it_is_of_this_tenant_alone(place: Place, other_place: Place) -> None:
    theirs = staff_browser(other_place).get("/staff/audit").text
    assert str(other_place.owner) in theirs
    assert str(place.owner) not in theirs
    assert advertiser_browser(place).get("/staff/audit").status_code == 303
